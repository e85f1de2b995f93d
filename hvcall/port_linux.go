package hvcall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
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
// end open, for instance early at boot or while a broker restarts. That is a state, not an end:
// Read waits for the host to come back.
type port struct {
	f    *os.File
	gone chan struct{} // closed by Close
}

func (p *port) Read(b []byte) (int, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		n, err := p.f.Read(b)
		if n > 0 || (err != nil && !errors.Is(err, io.EOF)) {
			return n, err
		}
		select {
		case <-p.gone:
			return 0, os.ErrClosed
		case <-time.After(wait):
		}
	}
}

func (p *port) Write(b []byte) (int, error) { return p.f.Write(b) }

func (p *port) Close() error {
	close(p.gone) // Conn closes its transport once
	return p.f.Close()
}
