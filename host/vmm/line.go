package vmm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm/internal/elastic"
)

// line is the host's end of the call channel. It can be held: nothing is written to it or read from it meanwhile, whoever wants to. That is
// for when QEMU may not touch the guest's memory any more: of a guest that had more to say than there was room for it takes what follows as soon as
// something is read, and notes that in the guest's memory, also when the guest stands still.
//
// It is open, held any number of times in turn, and closed, which ends a holding for those who wait. mu is held for no I/O.
type line struct {
	net.Conn

	mu     sync.Mutex
	still  sync.Cond     // of mu: nobody is in the connection
	inside int           // who are; guarded by mu, as all below
	held   chan struct{} // closed when it is let go; nil = it is not held
	closed chan struct{}
	read   time.Time // the user's deadlines; zero = none
	write  time.Time
}

func newLine(c net.Conn) *line {
	l := &line{Conn: c, closed: make(chan struct{})}
	l.still.L = &l.mu
	return l
}

// hold waits until nobody reads or writes, and lets nobody until it is let go.
func (l *line) hold() (letGo func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
	_ = l.Conn.SetDeadline(time.Unix(1, 0)) // who is inside comes out, with what was done so far
	for l.inside > 0 {
		l.still.Wait()
	}
	return l.letGo
}

func (l *line) letGo() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.Conn.SetReadDeadline(l.read)
	_ = l.Conn.SetWriteDeadline(l.write)
	close(l.held)
	l.held = nil
}

// enter waits until the line is not held. by says until when, as it is known then.
func (l *line) enter(by func() time.Time) error {
	for {
		l.mu.Lock()
		held, until := l.held, by()
		if held == nil {
			l.inside++
			l.mu.Unlock()
			return nil
		}
		l.mu.Unlock()
		var late <-chan time.Time
		if !until.IsZero() {
			t := time.NewTimer(time.Until(until))
			defer t.Stop()
			late = t.C
		}
		select {
		case <-held:
		case <-l.closed:
			return net.ErrClosed
		case <-late:
			return os.ErrDeadlineExceeded
		}
	}
}

// leave reports whether who leaves was only told to because the line is held.
func (l *line) leave(err error) (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside--
	l.still.Broadcast()
	return l.held != nil && errors.Is(err, os.ErrDeadlineExceeded)
}

// Read implements net.Conn.
func (l *line) Read(b []byte) (int, error) {
	for {
		if err := l.enter(func() time.Time { return l.read }); err != nil {
			return 0, err
		}
		n, err := l.Conn.Read(b)
		if again := l.leave(err); n > 0 || !again {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (l *line) Write(b []byte) (n int, err error) {
	for {
		if err := l.enter(func() time.Time { return l.write }); err != nil {
			return n, err
		}
		var k int
		k, err = l.Conn.Write(b[n:])
		n += k
		if again := l.leave(err); !again {
			return n, err
		}
	}
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.mu.Lock()
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	l.mu.Unlock()
	return l.Conn.Close()
}

// SetDeadline implements net.Conn.
func (l *line) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (l *line) SetReadDeadline(t time.Time) error {
	return l.set(&l.read, t, l.Conn.SetReadDeadline)
}

// SetWriteDeadline implements net.Conn.
func (l *line) SetWriteDeadline(t time.Time) error {
	return l.set(&l.write, t, l.Conn.SetWriteDeadline)
}

func (l *line) set(deadline *time.Time, t time.Time, now func(time.Time) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	*deadline = t
	if l.held != nil {
		return nil // it counts when the line is let go
	}
	return now(t)
}

// quietRounds is how often in a row QEMU must have done nothing more.
const quietRounds = 3

// quiet holds the call channel of a guest that stands still, and returns when QEMU has nothing left to do for it.
func (vm *VM) quiet(ctx context.Context) (letGo func(), err error) {
	l, ok := vm.links.port.(*line)
	if !ok {
		return func() {}, nil // nobody is connected
	}
	letGo = l.hold()
	for rounds, before := 0, -1; rounds < quietRounds; {
		// It is QEMU's main loop that answers, and that looks after the channel.
		if _, err := vm.Doing(ctx); err != nil {
			return letGo, err
		}
		n, err := l.unread()
		if err != nil {
			return letGo, fmt.Errorf("look at call channel: %w", err)
		}
		if rounds++; n != before {
			rounds, before = 0, n // what stays unread, the guest has no room for
		}
		if err := elastic.Sleep(ctx, settlePoll); err != nil {
			return letGo, err
		}
	}
	return letGo, nil
}

// unread is how much was written that the other side has not read, by the kernel's count.
func (l *line) unread() (n int, err error) {
	c, ok := l.Conn.(*net.UnixConn)
	if !ok {
		return 0, nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n, errors.Join(err, failed)
}
