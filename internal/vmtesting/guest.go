package vmtesting

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hugelgupf/vmtest/qemu"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/console"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// Guest is a booted image under test.
type Guest struct {
	Port net.Conn    // the host's end of the call channel
	QMP  *qmp.Client // QEMU's monitor

	t       testing.TB
	cfg     vmm.Config
	cancel  context.CancelFunc
	lines   *lines
	console *console.Log
	inherit []*os.File    // QEMU's ends, until it has them
	watched chan struct{} // closed when the last event was seen
	ended   chan struct{} // closed when QEMU has ended and vmtest is done with it
	waitErr error         // vmtest's, set before ended is closed
}

// What a guest may take: up to the test's own deadline less what taking it apart takes.
const (
	defaultLife = 2 * time.Minute
	teardown    = 5 * time.Second
)

// Start boots the image that cfg names. The test fails if it does not start, if the
// guest panics, and if the guest still runs when the test's time is over.
func Start(t testing.TB, cfg vmm.Config) *Guest {
	t.Helper()
	cfg.Binary = RequireQEMU(t)
	if cfg.Name == "" {
		cfg.Name = t.Name()
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.Accel == "" {
		accel, err := vmm.ProbeAccel(t.Context(), vmm.ProbeConfig{Binary: cfg.Binary})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Accel = accel
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline(t))
	g := &Guest{
		t: t, cfg: cfg, cancel: cancel, lines: newLines(),
		watched: make(chan struct{}), ended: make(chan struct{}),
	}
	g.console = &console.Log{CopyTo: g.lines}
	t.Cleanup(g.finish)
	if err := g.boot(ctx); err != nil {
		t.Fatalf("start guest: %v\n%s", err, g.report())
	}
	return g
}

// deadline is when the guest must be gone.
func deadline(t testing.TB) time.Time {
	at := time.Now().Add(defaultLife)
	if limited, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, ok := limited.Deadline(); ok && end.Add(-teardown).Before(at) {
			at = end.Add(-teardown)
		}
	}
	return at
}

// boot starts QEMU by vmtest and lets the guest run.
func (g *Guest) boot(ctx context.Context) error {
	monitor, err := g.connect()
	if err != nil {
		close(g.watched)
		close(g.ended)
		return err
	}
	started := make(chan error)
	go g.run(ctx, started)
	err = <-started
	for _, f := range g.inherit {
		f.Close()
	}
	if err != nil {
		monitor.Close()
		close(g.watched)
		close(g.ended)
		return err
	}
	if g.QMP, err = qmp.NewClient(ctx, monitor, qmp.Config{}); err != nil {
		close(g.watched)
		return err
	}
	go g.watch(ctx)
	return g.QMP.Execute(ctx, "cont", nil, nil)
}

// connect makes the socket pairs, and returns our end of the monitor's.
func (g *Guest) connect() (net.Conn, error) {
	monitor, far, err := vmm.Socketpair()
	if err != nil {
		return nil, err
	}
	port, portFar, err := vmm.Socketpair()
	if err != nil {
		monitor.Close()
		far.Close()
		return nil, err
	}
	g.Port, g.inherit = port, []*os.File{far, portFar}
	return monitor, nil
}

// options make vmtest run our command line, under setpriv: QEMU is then killed when the
// test binary dies, of a timeout or kill -9, too.
func (g *Guest) options(_ *qemu.IDAllocator, o *qemu.Options) error {
	wiring := vmm.Wiring{QMP: o.AddFile(g.inherit[0]), Port: o.AddFile(g.inherit[1])}
	o.QEMUCommand = "setpriv"
	o.QEMUArgs = append([]string{"--pdeathsig", "KILL", g.cfg.Binary}, g.cfg.Args(wiring)...)
	o.Kernel, o.KernelArgs, o.Initramfs = "", "", "" // they are among the arguments
	o.SerialOutput = append(o.SerialOutput, flusher{g.console})
	return nil
}

// flusher ends a console with its last line.
type flusher struct{ *console.Log }

// Close flushes.
func (f flusher) Close() error {
	f.Flush()
	return nil
}

// report is what the console said last, and how to start the same guest by hand.
func (g *Guest) report() string {
	return fmt.Sprintf("last lines of the console:\n  %s\nto start it by hand (archives go with the test unless %s names a folder):\n  %s",
		strings.Join(g.console.Tail(), "\n  "), KeepEnv, g.cfg.ShellCommand())
}
