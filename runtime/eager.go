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
//
// Neither to poke nor to read over an [os.File] takes memory, which may not be there: what both hand to the runtime is made once.
type eager struct {
	conn pokeable
	raw  syscall.RawConn

	peek  func(fd uintptr)
	there bool // found by peek

	receive func(fd uintptr) bool
	into    []byte // for receive
	n       int    // received
	err     error
}

// pokeable is what a net.Conn over a socket has.
type pokeable interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// newEager returns rw, and a function to be called often that has its reader run where there is something to
// read, by one goroutine at a time. Of transports that are no socket the function does nothing.
func newEager(rw io.ReadWriteCloser) (io.ReadWriteCloser, func()) {
	conn, ok := rw.(pokeable)
	if !ok {
		return rw, func() {}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return rw, func() {}
	}
	e := &eager{conn: conn, raw: raw}
	e.peek, e.receive = e.look, e.take
	return e, e.poke
}

// poke wakes the reader if there is something for it: a deadline that is over does so without the network's
// poller. It comes next on this very processor. Only one goroutine may call it.
func (e *eager) poke() {
	e.there = false
	if err := e.raw.Control(e.peek); err == nil && e.there {
		e.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// look asks the kernel. The call never waits and is made without a word to the Go scheduler, whose monitor would wake
// for it in a program that sleeps.
func (e *eager) look(fd uintptr) {
	var b [1]byte
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), uintptr(len(b)), unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	e.there = errno == 0 && n > 0
}

// Read implements io.Reader. It is not that of the transport, which makes an error for each time that it is woken.
func (e *eager) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	e.into = b
	defer func() { e.into = nil }()
	for {
		err := e.raw.Read(e.receive)
		switch {
		case err == nil:
			return e.n, e.err
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		}
		if err := e.conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
	}
}

// take receives what is there, and returns false if that is nothing. The transport never waits.
func (e *eager) take(fd uintptr) bool {
	errno := unix.EINTR
	for errno == unix.EINTR {
		var n uintptr
		n, _, errno = unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&e.into[0])), uintptr(len(e.into)))
		e.n, e.err = int(n), nil
	}
	switch {
	case errno == unix.EAGAIN:
		return false
	case errno != 0:
		e.n, e.err = 0, errno
	case e.n == 0:
		e.err = io.EOF
	}
	return true
}

// Write implements io.Writer.
func (e *eager) Write(b []byte) (int, error) { return e.conn.Write(b) }

// Close implements io.Closer.
func (e *eager) Close() error { return e.conn.Close() }
