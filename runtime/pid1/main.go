package pid1

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/u-root/u-root/pkg/ulog"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

const (
	// portWithin bounds the wait for the port's device, which appears while the kernel still probes.
	portWithin = 10 * time.Second

	// helloEvery is how often Hello is said until it is answered: a host may open its end late.
	helloEvery = 2 * time.Second

	// heapPercent keeps this process's heap near one MiB, where it would grow to four before its first
	// collection: by then the application may have all that is left.
	heapPercent = 25

	// exitWithin bounds the wait for a host to take in how the application ended. One may be starting anew.
	exitWithin = 10 * time.Minute
)

// Main is the life of the guest. It returns only by powering off. In another process than the first it helps with a core, and ends.
func Main() {
	if os.Getpid() != 1 {
		os.Exit(helpWithCore(os.Args))
	}
	if err := live(); err != nil {
		// The console is all there is without a host to tell.
		ulog.KernelLog.Printf("silo: init failed: %v", err)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		ulog.KernelLog.Printf("silo: power off: %v", err)
	}
	select {} // PID 1 must not return
}

func live() error {
	if err := create(mountsFirst); err != nil {
		return err
	}
	// Locked as it is touched: with no swap there is nothing to lose, and no page of ours waits
	// for another's reclaim.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	if err := goFirst(); err != nil {
		return err
	}
	debug.SetGCPercent(heapPercent)
	boot, err := readMemory()
	if err != nil {
		return err
	}
	p := prepare()
	g, err := connect()
	if err != nil {
		return err
	}
	g.bootTotal = boot.total
	go g.reintroduce()
	unprepared := p.wait()
	w, err := g.hello()
	if err != nil {
		return err
	}
	go g.watchHost()
	var exit hvcall.Exit
	if unprepared != nil {
		exit = initFailed(unprepared)
	} else {
		exit = g.serveApplication(w, p)
	}
	if err := g.untilTaken(exitWithin, func(ctx context.Context) error { return g.host.SendExit(ctx, exit) }); err != nil {
		return fmt.Errorf("report the end of the application: %w", err)
	}
	return nil
}

// guest is the wiring: connections on one side, the control loop on the other.
type guest struct {
	host      *hvcall.Conn
	log       *slog.Logger
	bootTotal int64         // bytes managed by the kernel before the host knew of us, and so before any plug
	control   chan *control // holds the control loop once it exists
	again     chan struct{} // holds a token when Hello is due again
	ready     atomic.Bool   // the application said that it serves
	cores     cores
}

// openHost opens the way to the host, or to the one that stands in for it.
func openHost() (io.ReadWriteCloser, error) {
	words, err := commandLine()
	if err != nil {
		return nil, err
	}
	if slices.Contains(words, aloneWord) {
		return standInHost(words)
	}
	ctx, cancel := context.WithTimeout(context.Background(), portWithin)
	defer cancel()
	return hvcall.OpenPort(ctx, "/sys", "/dev")
}

func connect() (*guest, error) {
	port, err := openHost()
	if err != nil {
		return nil, err
	}
	g := &guest{control: make(chan *control, 1), again: make(chan struct{}, 1)}
	conn := hvcall.NewConn(port, hvcall.Config{Limits: hvcall.Limits{Skip: math.MaxInt64}, Away: g.helloAgain})
	g.host, g.cores.host = conn, conn
	g.log = slog.New(slog.NewTextHandler(logWriter{conn}, nil))
	go func() {
		if err := conn.Serve(context.Background(), g.fromHost); err != nil {
			ulog.KernelLog.Printf("silo: conversation with the host ended: %v", err)
		}
	}()
	return g, nil
}

// logWriter carries PID 1's own log to the host.
type logWriter struct{ conn *hvcall.Conn }

func (w logWriter) Write(b []byte) (int, error) { return len(b), w.conn.SendLog(hvcall.StreamInit, b) }

// hello introduces the guest until somebody answers.
func (g *guest) hello() (w hvcall.Welcome, err error) {
	h := hvcall.Hello{
		Role: hvcall.RolePID1, NumCPU: runtime.NumCPU(), PID: os.Getpid(),
		Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog, hvcall.CapSteal, hvcall.CapVolumes, hvcall.CapCores},
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), helloEvery)
		w, err = g.host.SayHello(ctx, h)
		late := ctx.Err() != nil
		cancel()
		switch {
		case notNow(err):
			time.Sleep(retryAfter)
		case !late:
			return w, err
		}
	}
}

// fromHost handles what the host sends.
func (g *guest) fromHost(ctx context.Context, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpGrant:
		grant, err := hvcall.DecodeGrant(f.Payload)
		if err != nil {
			return nil, err
		}
		return nil, g.post(f.Op, func(c *control) { c.hostGrant(grant) })
	case hvcall.OpSteal:
		s, err := hvcall.DecodeSteal(f.Payload)
		if err != nil {
			return nil, err
		}
		return nil, g.post(f.Op, func(c *control) { c.hostSteal(s) })
	case hvcall.OpMigrate:
		m, err := hvcall.DecodeMigrate(f.Payload)
		if err != nil {
			return nil, err
		}
		return nil, g.migrate(ctx, m)
	case hvcall.OpProfile:
		return g.profiled(ctx, f.Payload)
	case hvcall.OpCore:
		return nil, g.cores.asked(ctx, f.Payload)
	case hvcall.OpShutdown:
		s, err := hvcall.DecodeShutdown(f.Payload)
		if err != nil {
			return nil, err
		}
		return nil, g.post(f.Op, func(c *control) { c.due = true; c.shutdown(s.Within) })
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

// post hands f to the control loop, which exists from the start of the application on.
func (g *guest) post(op hvcall.Op, f func(*control)) error {
	select {
	case c := <-g.control:
		g.control <- c
		c.postQuick(f)
		return nil
	default:
		return &hvcall.Fault{Op: op, Code: hvcall.CodeOrder, Text: "the application has not been started"}
	}
}
