package runtime

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// eager is a transport whose reader does not wait for its turn. A Go program whose goroutines leave no
// processor idle asks for what came over its descriptors only each ten milliseconds, and what it finds then
// queues behind all that is runnable. Poke asks at once.
type eager struct {
	conn pokeable
	raw  syscall.RawConn
}

// pokeable is what a net.Conn over a socket has.
type pokeable interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// newEager returns rw, and a function to be called often that has its reader run where there is something to
// read. Of transports that are no socket the function does nothing.
func newEager(rw io.ReadWriteCloser) (io.ReadWriteCloser, func()) {
	conn, ok := rw.(pokeable)
	if !ok {
		return rw, func() {}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return rw, func() {}
	}
	e := &eager{conn, raw}
	return e, e.poke
}

// poke wakes the reader if there is something for it: a deadline that is over does so without the network's
// poller. It comes next on this very processor. The call never waits and is made without a word to the Go scheduler, whose
// monitor would wake for it in a program that sleeps.
func (e *eager) poke() {
	there := false
	err := e.raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), uintptr(len(b)), unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		there = errno == 0 && n > 0
	})
	if err == nil && there {
		e.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// Read implements io.Reader.
func (e *eager) Read(b []byte) (int, error) {
	for {
		n, err := e.conn.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if err := e.conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
	}
}

// Write implements io.Writer.
func (e *eager) Write(b []byte) (int, error) { return e.conn.Write(b) }

// Close implements io.Closer.
func (e *eager) Close() error { return e.conn.Close() }
