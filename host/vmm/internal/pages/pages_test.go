package pages

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

const memory = 200 * Size // of a test's guest; not a multiple of chunk

const noise = 7 // in place of a byte: a page that cannot become smaller

// guestMemory is a memory with a byte in each of some pages; 0 touches a page and leaves it zeros.
func guestMemory(t interface{ Fatal(...any) }, some map[int64]byte) *os.File {
	fd, err := unix.MemfdCreate("pages-test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "memory")
	if err := f.Truncate(memory); err != nil {
		t.Fatal(err)
	}
	for at, b := range some {
		if b == noise {
			page := make([]byte, Size)
			rand.NewChaCha8([32]byte{byte(at)}).Read(page)
			if _, err := f.WriteAt(page, at*Size); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := f.WriteAt([]byte{b}, at*Size+77); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func content(t interface{ Fatal(...any) }, f *os.File) []byte {
	b := make([]byte, memory)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// link is one direction of a stream that is read afterwards, with an answer that is there before.
type link struct {
	bytes.Buffer
	answer io.Reader
}

func (l *link) Read(b []byte) (int, error) { return l.answer.Read(b) }

// stream is what Send says of some memories.
func stream(t interface{ Fatal(...any) }, files ...*os.File) []byte {
	l := &link{answer: bytes.NewReader([]byte{allThere})}
	if _, err := Send(l, files); err != nil {
		t.Fatal(err)
	}
	return l.Bytes()
}

// come takes a stream in.
func come(b []byte, into ...Into) (int64, []byte, error) {
	l := &link{answer: bytes.NewReader(b)}
	n, err := take(l, into)
	return n, l.Bytes(), err
}

// take receives memory and says so.
func take(conn io.ReadWriter, into []Into) (int64, error) {
	n, err := Receive(conn, into)
	if err == nil {
		err = Answer(conn)
	}
	return n, err
}

// TestStream: whatever pages there are, all of them arrive, and only those that hold something are made.
func TestStream(t *testing.T) {
	some := rapid.MapOf(rapid.Int64Range(0, memory/Size-1), rapid.SampledFrom([]byte{0, 1, noise}))
	rapid.Check(t, func(t *rapid.T) {
		held := 0
		var from, to []*os.File
		var into []Into
		for range 2 {
			pages := some.Draw(t, "pages")
			for _, b := range pages {
				held += min(1, int(b))
			}
			from, to = append(from, guestMemory(t, pages)), append(to, guestMemory(t, nil))
			into = append(into, Into{to[len(to)-1], memory})
		}
		for _, f := range append(from, to...) {
			defer f.Close()
		}
		here, there := net.Pipe()
		came := make(chan error, 1)
		go func() { _, err := take(there, into); came <- err }()
		sent, err := Send(here, from)
		if err != nil || sent != int64(held*Size) {
			t.Fatalf("sent %d bytes of %d pages, %v", sent, held, err)
		}
		if err := <-came; err != nil {
			t.Fatal(err)
		}
		exist := 0
		for i := range from {
			if !bytes.Equal(content(t, from[i]), content(t, to[i])) {
				t.Fatal("the memories differ")
			}
			var st unix.Stat_t
			if err := unix.Fstat(int(to[i].Fd()), &st); err != nil {
				t.Fatal(err)
			}
			exist += int(st.Blocks * 512 / Size)
		}
		if exist != held {
			t.Fatalf("%d pages exist, of %d that hold something", exist, held)
		}
	})
}

// TestSmaller: what can become smaller is, and what cannot is sent as it is.
func TestSmaller(t *testing.T) {
	alike, noisy := map[int64]byte{}, map[int64]byte{}
	for at := range int64(64) {
		alike[at], noisy[at] = 1, noise
	}
	const around = 100 // bytes of heads
	if n := len(stream(t, guestMemory(t, alike))); n > 64*Size/10 {
		t.Errorf("pages that are alike: %d bytes", n)
	}
	if n := len(stream(t, guestMemory(t, noisy))); n < 64*Size || n > 64*Size+around {
		t.Errorf("pages of noise: %d bytes of %d", n, 64*Size)
	}
}

// TestReceiveRefuses: what is no stream for these memories is refused with a reason, and not answered.
func TestReceiveRefuses(t *testing.T) {
	good := stream(t, guestMemory(t, map[int64]byte{3: 1}))
	change := func(at int, b byte) []byte { c := bytes.Clone(good); c[at] = b; return c }
	const run = 8 + 1 + 8
	for name, c := range map[string]struct {
		stream []byte
		why    string
	}{
		"another magic": {change(0, 'X'), "it begins with"}, "two memories": {change(8, 2), "it begins with"},
		"another size": {change(10, 1), "bytes there and"}, "a memory that is not there": {change(run, 1), "memory 1 of 1"},
		"half a page": {change(run+1, 1), "whole pages"}, "a long run": {change(run+9+2, 0x40), "whole pages"},
		"nothing": {change(run+9+1, 0), "whole pages"}, "in nothing": {change(run+13, 0), "want no more, and at least one"},
		"in more": {change(run+13+1, 0x20), "want no more, and at least one"}, "unpacks to less": {change(run+17, 1), "unpacks to"},
		"no block": {change(run+17+4, 0xff), "unpack"}, "behind the end": {change(run+4, 1), "of 819200"},
		"another sum": {change(len(good)-1, 1), "bytes came of"}, "cut off": {good[:len(good)-1], "unexpected EOF"}, "empty": {nil, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, answer, err := come(c.stream, Into{guestMemory(t, nil), memory})
			if err == nil || !strings.Contains(err.Error(), c.why) || len(answer) != 0 {
				t.Errorf("%v, answered %v; want an error with %q", err, answer, c.why)
			}
		})
	}
}

// TestSendUnanswered: without the other side's word nothing counts as sent.
func TestSendUnanswered(t *testing.T) {
	for name, answer := range map[string]string{"none": "", "another": "\x07"} {
		if _, err := Send(&link{answer: strings.NewReader(answer)}, []*os.File{guestMemory(t, nil)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type failing struct{ err error }

func (f failing) WriteAt([]byte, int64) (int, error) { return 0, f.err }

func TestReceiveCannotWrite(t *testing.T) {
	full := errors.New("full")
	if _, answer, err := come(stream(t, guestMemory(t, map[int64]byte{3: 1})), Into{failing{full}, memory}); !errors.Is(err, full) || len(answer) != 0 {
		t.Errorf("%v, answered %v", err, answer)
	}
}

// nowhere takes what lies within it.
type nowhere struct{ t *testing.T }

func (n nowhere) WriteAt(b []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(b)) > memory || len(b) > mostRun {
		n.t.Errorf("%d bytes at %d", len(b), at)
	}
	return len(b), nil
}

func FuzzReceive(f *testing.F) {
	m := guestMemory(f, map[int64]byte{0: 1, 3: 1, 199: 9})
	f.Add(stream(f, m, m))
	f.Add(stream(f, guestMemory(f, nil), m))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, answer, err := come(b, Into{nowhere{t}, memory}, Into{nowhere{t}, memory})
		if (err == nil) != (len(answer) == 1) || got > int64(len(b)/headSize*mostRun) {
			t.Errorf("%d bytes, answered %v, %v", got, answer, err)
		}
	})
}
