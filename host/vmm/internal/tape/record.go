package tape

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// most is how much is recorded, bytes. A guest that says more before its introduction is none to copy.
const most = 32 << 10

// ErrTooMuch says that the guest said more than is recorded.
var ErrTooMuch = errors.New("the guest said too much before it was to be recorded")

// Recorder is a connection that remembers what was read from it.
type Recorder struct {
	net.Conn
	raw syscall.RawConn

	mu      sync.Mutex
	sealed  bool
	said    []byte // all that was read until sealed
	pending []byte // read when sealed, for Read to give out
	roused  bool   // a Read that waits was woken for pending, by a deadline
}

// Record records conn, which must be a socket.
func Record(conn net.Conn) (*Recorder, error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("record call channel: %T is not a socket", conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("record call channel: %w", err)
	}
	return &Recorder{Conn: conn, raw: raw}, nil
}

// Read is as net.Conn's.
func (r *Recorder) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	failed := r.raw.Read(func(fd uintptr) bool {
		n, err = r.take(int(fd), b)
		return !errors.Is(err, syscall.EAGAIN)
	})
	if errors.Is(failed, os.ErrDeadlineExceeded) && r.rouse(false) {
		if err := r.Conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
		return r.Read(b)
	}
	switch {
	case failed != nil:
		return 0, failed
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// take reads without waiting. Reading and remembering are one step: when Seal looks, nothing is in between.
func (r *Recorder) take(fd int, b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) > 0 {
		n := copy(b, r.pending)
		r.pending = r.pending[n:]
		return n, nil
	}
	n, err := read(fd, b)
	if !r.sealed && n > 0 && len(r.said) <= most {
		r.said = append(r.said, b[:n]...)
	}
	return n, err
}

func read(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}

// Seal ends the recording and returns it, with what was sent and not yet read. Nobody may be sending.
func (r *Recorder) Seal() (said []byte, err error) {
	if failed := r.raw.Control(func(fd uintptr) { said, err = r.seal(int(fd)) }); failed != nil {
		return nil, fmt.Errorf("record call channel: %w", failed)
	}
	// A Read may be waiting for what was just taken: the kernel reports no data that is gone when it is asked.
	r.rouse(true)
	if failed := r.Conn.SetReadDeadline(time.Unix(1, 0)); failed != nil {
		return nil, fmt.Errorf("record call channel: %w", failed)
	}
	return said, err
}

// rouse notes whether a Read is being woken, and returns whether one was.
func (r *Recorder) rouse(now bool) (was bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, r.roused = r.roused, now
	return was
}

func (r *Recorder) seal(fd int) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for buf := make([]byte, 4096); len(r.said)+len(r.pending) <= most; {
		n, err := read(fd, buf)
		if errors.Is(err, syscall.EAGAIN) || err == nil && n == 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("record call channel: %w", err)
		}
		r.pending = append(r.pending, buf[:n]...)
	}
	r.sealed = true
	said := append(r.said, r.pending...)
	if r.said = nil; len(said) > most {
		return nil, ErrTooMuch
	}
	return said, nil
}
