package nettest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Frames are the Ethernet frames that reach an interface.
type Frames struct{ f *os.File }

// Listen has all frames kept that reach an interface of the host from then on. The caller closes it.
func (h *Host) Listen(device string) (*Frames, error) {
	var l *Frames
	err := h.do(func() error {
		i, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in the order of the network
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
		if err != nil {
			return err
		}
		l = &Frames{os.NewFile(uintptr(fd), device)}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
	})
	if err != nil {
		if l != nil {
			l.Close()
		}
		return nil, fmt.Errorf("listen on %s of %s: %w", device, h.Name, err)
	}
	return l, nil
}

// Await waits for a frame for which is returns true.
func (l *Frames) Await(within time.Duration, is func(frame []byte) bool) error {
	if err := l.f.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	b := make([]byte, 64<<10)
	for seen := 0; ; seen++ {
		n, err := l.f.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("await a frame: not among %d in %v", seen, within)
		}
		if err != nil {
			return fmt.Errorf("await a frame: %w", err)
		}
		if is(b[:n]) {
			return nil
		}
	}
}

// Close ends it.
func (l *Frames) Close() error { return l.f.Close() }
