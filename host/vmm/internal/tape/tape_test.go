package tape

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is two ends of a socket.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "end")
		ends[i], err = net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ends[i].Close() })
	}
	return ends[0], ends[1]
}

func recorder(t *testing.T) (*Recorder, net.Conn) {
	t.Helper()
	near, far := pair(t)
	r, err := Record(near)
	if err != nil {
		t.Fatal(err)
	}
	return r, far
}

func send(t *testing.T, c net.Conn, words string) {
	t.Helper()
	if _, err := c.Write([]byte(words)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(r, b); string(b) != want || err != nil {
		t.Fatalf("heard %q, %v; want %q", b, err, want)
	}
}

// TestRecord: the recording has what was read and what was only sent; and that is read all the same, by somebody
// who had begun to wait for it.
func TestRecord(t *testing.T) {
	r, guest := recorder(t)
	send(t, guest, "read ")
	hear(t, r, "read ")
	send(t, guest, "sent ")
	if said, err := r.Seal(); string(said) != "read sent " || err != nil {
		t.Errorf("said %q, %v", said, err)
	}
	hear(t, r, "se")
	hear(t, r, "nt ")
	waiting := make(chan error)
	go func() {
		b := make([]byte, 5)
		_, err := io.ReadFull(r, b)
		if string(b) != "after" {
			err = errors.Join(err, errors.New(string(b)))
		}
		waiting <- err
	}()
	send(t, guest, "after")
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	guest.Close()
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("end: %v", err)
	}
}

// TestSealWhileReading: whoever waits in Read gets what comes after, whatever Seal took.
func TestSealWhileReading(t *testing.T) {
	for range 200 {
		r, guest := recorder(t)
		heard := make(chan string)
		go func() {
			b := make([]byte, 5)
			n, _ := io.ReadFull(r, b)
			heard <- string(b[:n])
		}()
		send(t, guest, "hello")
		said, err := r.Seal()
		if got := <-heard; got != "hello" || string(said) != "hello" || err != nil {
			t.Fatalf("said %q, heard %q, %v", said, got, err)
		}
	}
}

func TestRecordTooMuch(t *testing.T) {
	r, guest := recorder(t)
	go guest.Write([]byte(strings.Repeat("x", most+1)))
	hear(t, r, strings.Repeat("x", most+1))
	if _, err := r.Seal(); !errors.Is(err, ErrTooMuch) {
		t.Errorf("seal: %v", err)
	}
	send(t, guest, "more")
	hear(t, r, "more")
}

func TestRecorderKeepsDeadlines(t *testing.T) {
	r, _ := recorder(t)
	if err := r.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	r.Close()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read from a closed one: %v", err)
	}
	if _, err := r.Seal(); err == nil {
		t.Error("a closed one was sealed")
	}
}

func TestRecordNeedsASocket(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := Record(a); err == nil {
		t.Error("a pipe was recorded")
	}
}

func TestPlay(t *testing.T) {
	near, far := pair(t)
	p := Play(near, []byte("before "))
	send(t, far, "after")
	hear(t, p, "bef")
	hear(t, p, "ore after")
	send(t, p, "answer")
	hear(t, far, "answer")
}
