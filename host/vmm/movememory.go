package vmm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm/internal/pages"
)

// A guest that stands still while it is copied has its memory carried by its hosts, from one machine's memory files to the other's, and
// QEMU copies the rest. QEMU would send a page at a time, each with a head, and of those with TLS each a record of its own: that takes
// two to five times as long.

const (
	// greetWithin is how long who connects may take to prove who it is, and most how many may do so at a time.
	greetWithin = 5 * time.Second
	greetMost   = 8
	// acceptAgain is how soon the next one is let in when one could not be.
	acceptAgain = 50 * time.Millisecond
	// unanswered is for how long the other host may not take note of what it is sent.
	unanswered = 10 * time.Second
)

// StandsStill reports whether the guest stands still while it is copied, so that its memory can be taken by itself (Sending.Memory). QEMU
// leaves memory files out of its stream until 8.0: later ones want them to have a name on disk.
func (vm *VM) StandsStill(ctx context.Context) (bool, error) {
	tracks, err := vm.tracks(ctx)
	if err != nil || tracks {
		return false, vm.explain(err)
	}
	if v := vm.monitor.Greeting(); v.Major > 8 || v.Major == 8 && v.Minor > 0 {
		return false, nil
	}
	files, err := vm.openMemory()
	closeAll(files)
	if errors.Is(err, errAlike) {
		return false, nil
	}
	return err == nil, err
}

// aside is a connection for memory alone, to where it is waited for.
type aside struct {
	*tls.Conn
	link    *counted
	dialled time.Time
	release func()
}

func (a *aside) close() {
	a.release()
	a.link.Close()
}

// dialAside connects, and has both sides prove who they are: all that can go wrong with that goes wrong while the guest still runs.
func (vm *VM) dialAside(ctx context.Context, s Sending) (*aside, error) {
	config, err := s.TLS.config()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	dialing, cancel := context.WithTimeout(ctx, greetWithin)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(dialing, "tcp", s.Memory)
	if err != nil {
		return nil, err
	}
	if err := giveUpAfter(raw, unanswered); err != nil {
		raw.Close()
		return nil, err
	}
	a := &aside{link: &counted{Conn: raw}, dialled: begun}
	a.Conn = tls.Client(a.link, config)
	if err := a.HandshakeContext(dialing); err != nil {
		raw.Close()
		return nil, err
	}
	a.release = vm.hangUpWith(ctx, raw)
	return a, nil
}

// giveUpAfter has a connection break when the other host has been silent for so long to what it was sent.
func giveUpAfter(c net.Conn, d time.Duration) error {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
	return errors.Join(err, set)
}

// sendMemory sends the memory of a guest that stands still, and says what it took.
func (vm *VM) sendMemory(ctx context.Context, to *aside) (sent Sent, err error) {
	files, err := vm.openMemory()
	if err != nil {
		return sent, err
	}
	defer closeAll(files)
	sent.Pages, err = pages.Send(to, files)
	sent.Bytes, sent.Took = to.link.bytes.Load(), time.Since(to.dialled)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return sent, err
}

// hangUpWith closes a connection, or who waits for some, as soon as ctx or the machine ends, until what it returns is called.
func (vm *VM) hangUpWith(ctx context.Context, c io.Closer) (release func()) {
	over := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-vm.proc.ended():
		case <-over:
			return
		}
		c.Close()
	}()
	return func() { close(over) }
}

// counted counts what is sent.
type counted struct {
	net.Conn
	bytes atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// takeMemory waits at a port of its choice for the memory of a guest, from who has the other half of the identity, until it is there or
// the machine has ended. It returns the port.
func (vm *VM) takeMemory(host string, id Identity) (port string, err error) {
	into, release, err := vm.intoMemory()
	if err != nil {
		return "", err
	}
	config, err := id.config()
	var l net.Listener
	if err == nil {
		l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err == nil {
		_, port, err = net.SplitHostPort(l.Addr().String())
	}
	if err != nil {
		release()
		return "", err
	}
	vm.memoryCame = make(chan struct{})
	go func() {
		defer release()
		if conn := vm.greet(l, config); conn != nil {
			vm.receiveMemory(conn, into)
		}
	}()
	return port, nil
}

// receiveMemory takes memory in. A machine with a part of it is good for nothing, and ended.
func (vm *VM) receiveMemory(conn *tls.Conn, into []pages.Into) {
	defer conn.NetConn().Close()
	defer vm.hangUpWith(context.Background(), conn.NetConn())()
	n, err := pages.Receive(conn, into)
	if err == nil {
		close(vm.memoryCame) // before the answer: the rest of the guest may be here the moment after it
		err = pages.Answer(conn)
	}
	if err != nil && !hasEnded(vm.proc) {
		vm.cfg.logger().Warn("memory did not come in: the machine that waited for it is ended", "name", vm.cfg.name(), "got", n, "err", err)
		_ = vm.proc.kill()
	}
}

// greet returns the first who connects and proves to be who is meant, and lets nobody else in; nil = the machine has ended.
func (vm *VM) greet(l net.Listener, config *tls.Config) *tls.Conn {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	vm.hangUpWith(ctx, l)
	known := make(chan *tls.Conn)
	go func() {
		free := make(chan struct{}, greetMost)
		for {
			free <- struct{}{}
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // no descriptor is free, perhaps
				<-free
				time.Sleep(acceptAgain)
				continue
			}
			go func() {
				vm.prove(ctx, tls.Server(conn, config), known)
				<-free
			}()
		}
	}()
	select {
	case c := <-known:
		return c
	case <-vm.proc.ended():
		return nil
	}
}

// prove hands on who proves to be who is meant.
func (vm *VM) prove(ctx context.Context, c *tls.Conn, known chan<- *tls.Conn) {
	greeting, cancel := context.WithTimeout(ctx, greetWithin)
	defer cancel()
	if err := c.HandshakeContext(greeting); err != nil {
		if ctx.Err() == nil {
			vm.cfg.logger().Warn("somebody else wants to send memory: refused", "name", vm.cfg.name(), "from", c.RemoteAddr(), "err", err)
		}
		c.NetConn().Close()
		return
	}
	select {
	case known <- c:
	case <-ctx.Done():
		c.NetConn().Close()
	}
}

// intoMemory opens the memory of a machine whose guest comes in.
func (vm *VM) intoMemory() (into []pages.Into, release func(), err error) {
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", vm.PID()), os.O_WRONLY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open guest memory: %w", err)
	}
	if into, err = vm.memoryIn(memory); err != nil {
		memory.Close()
		return nil, nil, err
	}
	return into, func() { memory.Close() }, nil
}

// memoryIn finds the memory files in all that QEMU has.
func (vm *VM) memoryIn(memory *os.File) (into []pages.Into, err error) {
	files, err := vm.openMemory()
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	all, err := mapsOf(vm.PID())
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return nil, fmt.Errorf("look at guest memory: %w", err)
		}
		m, err := mappedAs(idOf(st), all, memory)
		if err != nil {
			return nil, err
		}
		into = append(into, pages.Into{WriterAt: m, Size: st.Size})
	}
	return into, nil
}
