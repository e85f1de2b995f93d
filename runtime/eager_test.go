package runtime

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// sockets is a connected pair, one end as the application has it.
func sockets(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := [2]net.Conn{}
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "end")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		t.Cleanup(func() { ends[i].Close() })
	}
	return ends[0], ends[1]
}

// TestEagerLosesNothing: a reader that is poked all the time, with and without something to read, reads every byte in
// its order and sees the end.
func TestEagerLosesNothing(t *testing.T) {
	ours, theirs := sockets(t)
	rw, poke := newEager(ours)
	want := bytes.Repeat([]byte("0123456789"), 10_000)
	go func() {
		for rest := want; len(rest) > 0; rest = rest[100:] {
			theirs.Write(rest[:100])
		}
		theirs.Close()
	}()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				poke()
			}
		}
	}()
	got, err := io.ReadAll(rw)
	close(stop)
	<-stopped
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d of %d bytes, %v", len(got), len(want), err)
	}
}

// TestPokeWakesWhoHasSomethingToRead, and nobody else.
func TestPokeWakesWhoHasSomethingToRead(t *testing.T) {
	ours, theirs := sockets(t)
	watched := &watchedConn{UnixConn: ours.(*net.UnixConn)}
	_, poke := newEager(watched)
	poke()
	if watched.deadlines != 0 {
		t.Error("a reader with nothing to read was woken")
	}
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	poke()
	if watched.deadlines != 1 {
		t.Errorf("%d readers woken, want one", watched.deadlines)
	}
}

type watchedConn struct {
	*net.UnixConn
	deadlines int
}

func (c *watchedConn) SetReadDeadline(at time.Time) error {
	c.deadlines++
	return c.UnixConn.SetReadDeadline(at)
}

// TestOtherTransportsAreLeftAlone: a pipe in memory has no descriptor to look at.
func TestOtherTransportsAreLeftAlone(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	rw, poke := newEager(a)
	if rw != io.ReadWriteCloser(a) {
		t.Error("it was wrapped")
	}
	poke()
}

// TestEagerNeedsNoMemory: PID 1 asks for a heartbeat where memory is late, and poke has it heard.
func TestEagerNeedsNoMemory(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	rw, poke := newEager(ours)
	var got, want = make([]byte, 1), []byte("x")
	read := func() {
		if _, err := theirs.Write(want); err != nil {
			t.Fatal(err)
		}
		poke() // which the next read is woken by, and takes back
		if n, err := rw.Read(got); n != 1 || err != nil || got[0] != 'x' {
			t.Fatalf("read %q, %v", got[:n], err)
		}
	}
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
