package hvcall

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakePort makes a sysfs and a devtmpfs with ports of the given names; each device is a fifo, the
// nearest thing to a virtio-serial port: it says end-of-file while nobody has the other end open.
func fakePort(t *testing.T, names ...string) (sys, dev string) {
	t.Helper()
	root := t.TempDir()
	sys, dev = filepath.Join(root, "sys"), filepath.Join(root, "dev")
	if err := os.MkdirAll(dev, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		addPort(t, sys, dev, "vport0p"+string(rune('1'+i)), name)
	}
	return sys, dev
}

func addPort(t *testing.T, sys, dev, node, name string) {
	t.Helper()
	dir := filepath.Join(sys, "class/virtio-ports", node)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dev, node), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "name"), []byte(name+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOpenPort(t *testing.T) {
	sys, dev := fakePort(t, "org.qemu.guest_agent.0", PortName)
	p, err := OpenPort(t.Context(), sys, dev)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got, want := p.(*port).f.Name(), filepath.Join(dev, "vport0p2"); got != want {
		t.Errorf("opened %s, want %s", got, want)
	}
}

func TestOpenPortAppearsLate(t *testing.T) {
	sys, dev := fakePort(t, "another")
	opened := make(chan error)
	go func() {
		p, err := OpenPort(t.Context(), sys, dev)
		if err == nil {
			err = p.Close()
		}
		opened <- err
	}()
	addPort(t, sys, dev, "vport1p1", PortName)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestOpenPortAbsent(t *testing.T) {
	sys, dev := fakePort(t, "another")
	for name, root := range map[string]string{"no such port": sys, "no sysfs": filepath.Join(sys, "nothing")} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := OpenPort(ctx, root, dev); !errors.Is(err, ErrNoPort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenPortRefused: an error that waiting does not cure is reported at once.
func TestOpenPortRefused(t *testing.T) {
	sys, dev := fakePort(t, PortName)
	node := filepath.Join(dev, "vport0p1")
	if err := os.Remove(node); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(node, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPort(t.Context(), sys, dev); !errors.Is(err, unix.EISDIR) {
		t.Errorf("open: %v, want %v", err, unix.EISDIR)
	}
}

// TestPortHostAway: end-of-file is a state. A host that goes and another that comes are heard
// through the same port, and between them it is said once that nobody is there.
func TestPortHostAway(t *testing.T) {
	p, node := readEnd(t)
	defer p.Close()
	for i, word := range []string{"first", "again"} {
		if i > 0 {
			if _, err := p.Read(make([]byte, 1)); !errors.Is(err, ErrAway) {
				t.Fatalf("read: %v, want %v", err, ErrAway)
			}
			if _, err := p.Write([]byte("x")); !errors.Is(err, ErrAway) {
				t.Fatalf("write: %v, want %v", err, ErrAway)
			}
		}
		host, err := os.OpenFile(node, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := host.WriteString(word); err != nil {
			t.Fatal(err)
		}
		if err := host.Close(); err != nil { // the port now says end-of-file
			t.Fatal(err)
		}
		b := make([]byte, len(word))
		if _, err := io.ReadFull(p, b); err != nil || string(b) != word {
			t.Fatalf("read %q, %v", b, err)
		}
	}
}

// TestPortHostBackAtOnce: a host that is there again while it is still being noticed that it went can be written to.
func TestPortHostBackAtOnce(t *testing.T) {
	_, dev := fakePort(t, PortName)
	f, err := os.OpenFile(filepath.Join(dev, "vport0p1"), os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &port{f: f, gone: make(chan struct{})}
	defer p.Close()
	for i := range 10_000 {
		noticed := make(chan struct{})
		go func() { p.leave(); close(noticed) }()
		for over := false; !over; { // before it, in the middle of it, and after it
			select {
			case <-noticed:
				over = true
			default:
			}
			p.reachable()
		}
		if _, err := p.Write([]byte{1}); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
		if _, err := f.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPortCloseWhileReading: Close frees a reader that waits for a host.
func TestPortCloseWhileReading(t *testing.T) {
	p, _ := readEnd(t)
	result := make(chan error)
	go func() {
		_, err := p.Read(make([]byte, 1))
		result <- err
	}()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, os.ErrClosed) {
		t.Errorf("read: %v", err)
	}
}

// readEnd is a port whose device was opened for reading only, so that a fifo can be left by its
// last writer.
func readEnd(t *testing.T) (*port, string) {
	t.Helper()
	_, dev := fakePort(t, PortName)
	node := filepath.Join(dev, "vport0p1")
	f, err := os.OpenFile(node, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &port{f: f, gone: make(chan struct{})}, node
}
