package vmm

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Socketpair returns a connection and the file a child inherits as its other end. There
// is no path on disk: when both ends are closed nothing is left. The caller closes both,
// the file as soon as the child has it.
func Socketpair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("create socket pair: %w", err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	conn, err := net.FileConn(near) // a duplicate
	near.Close()
	if err != nil {
		far.Close()
		return nil, nil, fmt.Errorf("use socket pair: %w", err)
	}
	return conn, far, nil
}

// links are the connections between this process and QEMU.
type links struct {
	qmp, port, serial net.Conn
	inherit           []*os.File // QEMU's ends, in the order of wiring's numbers
}

// wiring matches links.inherit: inherited files are numbered from 3.
var wiring = Wiring{QMP: 3, Port: 4, Serial: 5}

// open adds the files that QEMU, running as somebody else, may be unable to open by their paths.
func (l *links) open(cfg Config) (Wiring, error) {
	w := wiring
	if cfg.RunAs == nil {
		return w, nil
	}
	for _, f := range []struct {
		path string
		fd   *int
	}{{cfg.Kernel, &w.Kernel}, {cfg.Initramfs, &w.Initramfs}} {
		if f.path == "" {
			continue
		}
		file, err := os.Open(f.path)
		if err != nil {
			return w, err
		}
		l.inherit = append(l.inherit, file)
		*f.fd = 2 + len(l.inherit)
	}
	return w, nil
}

func newLinks() (*links, error) {
	l := &links{}
	for _, conn := range []*net.Conn{&l.qmp, &l.port, &l.serial} {
		near, far, err := Socketpair()
		if err != nil {
			l.close()
			return nil, err
		}
		*conn = near
		l.inherit = append(l.inherit, far)
	}
	return l, nil
}

// handedOver closes our copies of QEMU's ends, so that its end is seen here.
func (l *links) handedOver() {
	for _, f := range l.inherit {
		f.Close()
	}
	l.inherit = nil
}

// close closes everything, before QEMU has its ends.
func (l *links) close() {
	l.handedOver()
	l.hangUp()
}

// hangUp closes our ends. It may be called more than once, from any goroutine.
func (l *links) hangUp() {
	for _, conn := range []net.Conn{l.qmp, l.port, l.serial} {
		if conn != nil {
			conn.Close()
		}
	}
}
