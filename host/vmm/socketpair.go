package vmm

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/bridge/tap"
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

// open adds what QEMU, which has few rights, may be unable to open by itself.
func (l *links) open(cfg Config) (Wiring, error) {
	w := wiring
	for _, d := range cfg.Disks {
		file, err := openDisk(d)
		if err != nil {
			return w, err
		}
		w.Disks = append(w.Disks, l.add(file))
	}
	if cfg.RunAs != nil {
		if err := l.openImage(cfg, &w); err != nil {
			return w, err
		}
	}
	if cfg.Bridge == nil {
		return w, nil
	}
	device, err := tap.Open(*cfg.Bridge)
	if err != nil {
		return w, err
	}
	w.Tap = l.add(device)
	return w, nil
}

// add has a file inherited, and returns QEMU's number of it.
func (l *links) add(f *os.File) int {
	l.inherit = append(l.inherit, f)
	return firstInherited - 1 + len(l.inherit)
}

// openImage opens the files of the image.
func (l *links) openImage(cfg Config, w *Wiring) error {
	for _, f := range []struct {
		path string
		fd   *int
	}{{cfg.Kernel, &w.Kernel}, {cfg.Initramfs, &w.Initramfs}} {
		if f.path == "" {
			continue
		}
		file, err := os.Open(f.path)
		if err != nil {
			return err
		}
		*f.fd = l.add(file)
	}
	return nil
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
