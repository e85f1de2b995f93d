package hvcall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// PortName is the name of the virtio-serial port that carries the calls.
const PortName = "silo.hvcall"

// ErrNoPort is returned by OpenPort when no such port appeared in time: not a silo guest, or a
// hypervisor without the device.
var ErrNoPort = errors.New("no virtio-serial port named " + PortName)

// OpenPort opens the guest's end of the virtio-serial port. The device appears a little after
// boot, so it is waited for until ctx ends. sys and dev are the mount points of sysfs and devtmpfs.
func OpenPort(ctx context.Context, sys, dev string) (io.ReadWriteCloser, error) {
	for {
		node, err := findPort(sys, dev)
		if err != nil {
			return nil, err
		}
		if node != "" {
			if f, err := os.OpenFile(node, os.O_RDWR, 0); err == nil {
				return &port{f: f, gone: make(chan struct{})}, nil
			} else if !errors.Is(err, os.ErrNotExist) {
				return nil, fmt.Errorf("open port: %w", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil, ErrNoPort
		case <-time.After(time.Millisecond):
		}
	}
}

func findPort(sys, dev string) (string, error) {
	names, err := filepath.Glob(filepath.Join(sys, "class/virtio-ports/*/name"))
	if err != nil {
		return "", fmt.Errorf("list ports: %w", err)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			continue // a port that went away while we looked
		}
		if strings.TrimSpace(string(b)) == PortName {
			return filepath.Join(dev, filepath.Base(filepath.Dir(n))), nil
		}
	}
	return "", nil
}

// port is a virtio-serial port as a stream. The driver says end-of-file while no host has the other
// end open, for instance early at boot or while a broker restarts. That is a state, not an end: Read says
// ErrAway once, when a host that was heard has gone, and then waits for the next one. Write fails with ErrAway
// until that one is there.
type port struct {
	f     *os.File
	gone  chan struct{} // closed by Close
	heard bool          // Read's own: a host has spoken since it was last away

	mu   sync.Mutex // held while both change: one without the other would have every Write fail from then on
	away bool       // and writes have a deadline that has passed
}

func (p *port) Read(b []byte) (int, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		n, err := p.f.Read(b)
		if n > 0 {
			p.heard = true
			p.back()
			return n, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if p.heard {
			p.heard = false
			p.leave()
			return 0, ErrAway
		}
		select {
		case <-p.gone:
			return 0, os.ErrClosed
		case <-time.After(wait):
		}
	}
}

// leave lets go who waits in Write.
func (p *port) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = true
	_ = p.f.SetWriteDeadline(time.Now()) // a device that cannot be polled has no deadlines: its writers wait
}

// back has writes go through again.
func (p *port) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allow()
}

// allow does that for who holds the lock.
func (p *port) allow() {
	if p.away {
		p.away = false
		_ = p.f.SetWriteDeadline(time.Time{})
	}
}

// reachable reports whether a host is there to write to.
func (p *port) reachable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away && !p.attended() {
		return false
	}
	p.allow()
	return true
}

func (p *port) Write(b []byte) (int, error) {
	if !p.reachable() {
		return 0, ErrAway
	}
	n, err := p.f.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrAway
	}
	return n, err
}

// attended reports whether a host has the other end open.
func (p *port) attended() bool {
	raw, err := p.f.SyscallConn()
	if err != nil {
		return false
	}
	fds := []unix.PollFd{{Events: unix.POLLOUT}}
	err = raw.Control(func(fd uintptr) {
		fds[0].Fd = int32(fd)
		_, _ = unix.Poll(fds, 0) // without an answer it is not attended
	})
	return err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0 && fds[0].Revents != 0
}

func (p *port) Close() error {
	close(p.gone) // Conn closes its transport once
	return p.f.Close()
}
