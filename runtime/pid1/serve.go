package pid1

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

// serveApplication prepares the guest, runs the application and says how it ended.
func (g *guest) serveApplication(w hvcall.Welcome) hvcall.Exit {
	k := &kernel{}
	visible := min(visible, wholeCPUs(w.CPU.MaxMilli))
	l, err := prepare(k, w, visible)
	if err != nil {
		return hvcall.Exit{Cause: hvcall.CauseInit, Code: 125, Text: err.Error()}
	}
	c := newControl(g.log, k, g.host, w, max(0, int64(w.Memory.Boot)-g.bootTotal))
	c.cpu.started(visible)
	c.cpu.width = visible
	c.step(c.now()) // the limit stands before the application does
	app, err := startApplication(w, l)
	if err != nil {
		return hvcall.Exit{Cause: hvcall.CauseStart, Code: 126, Text: err.Error()}
	}
	k.pid = app.pid
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	return g.supervise(ctx, c, k, app)
}

// prepare does all that does not depend on one another at the same time: what takes long is mostly
// waiting, for another vCPU or for the kernel.
func prepare(k *kernel, w hvcall.Welcome, visible int) (l *launcher, err error) {
	if err := setClock(w.UnixNanos); err != nil {
		return nil, err
	}
	defer unix.Umask(unix.Umask(0)) // one for the process, so not left to those who run side by side
	var group errgroup.Group
	group.Go(func() error { return (&kernel{}).online(visible) })
	group.Go(func() error { return configureNetwork(w.Network) })
	group.Go(func() (err error) {
		if err := create(mountsCgroups); err != nil {
			return err
		}
		if k.mem, err = newMemoryGroup(); err != nil {
			return err
		}
		if k.cpus, err = newCPUGroup(1); err != nil {
			return err
		}
		l, err = newLauncher(k.mem.cgroup, k.cpus.cgroup)
		return err
	})
	group.Go(func() error {
		if err := create(mountsThen); err != nil {
			return err
		}
		return writeNames(w.Name, w.Network)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return l, k.setWidth(visible) // which all must be online for
}

// supervise connects everything and waits for the end.
func (g *guest) supervise(ctx context.Context, c *control, k *kernel, app *application) hvcall.Exit {
	if err := watchGate(k.mem, func() { c.post(func(*control) {}) }); err != nil {
		g.log.Error("gate not watched: stalls are noticed late", "err", err)
	}
	g.control <- c
	fw := &forwarder{send: g.host.SendLog}
	fw.forward(hvcall.StreamOut, app.out)
	fw.forward(hvcall.StreamErr, app.err)
	go g.serveCalls(ctx, c, app)
	loopDone := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	go func() { c.run(ctx); close(loopDone) }()

	status, err := reap(app.pid)
	fw.drain()
	stop()
	<-loopDone // its state is ours to read from here on
	c.sendUsage(c.now())
	if err != nil {
		return hvcall.Exit{Cause: hvcall.CauseInit, Code: 125, Text: err.Error()}
	}
	end := ending{status: status, stderr: fw.errs.bytes(), refused: c.killedBy.refused, shutdown: c.killedBy.shutdown}
	if st, err := k.mem.oom(); err == nil {
		end.oomKills = st.kills
	}
	return classify(end)
}

// serveCalls speaks with the application until it hangs up.
func (g *guest) serveCalls(ctx context.Context, c *control, app *application) {
	conn := hvcall.NewConn(app.calls, hvcall.Config{Log: g.log})
	err := conn.Serve(ctx, func(ctx context.Context, f hvcall.Frame) ([]byte, error) {
		return g.fromApplication(c, conn, f)
	})
	if err != nil {
		g.log.Warn("conversation with the application ended", "err", err)
	}
	c.post(func(c *control) { c.app, c.cpu.speaks = nil, false; c.balance.AppDemand(hvcall.Demand{}) })
}

func (g *guest) fromApplication(c *control, conn *hvcall.Conn, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpHello:
		if _, err := hvcall.DecodeHello(f.Payload); err != nil {
			return nil, err
		}
		answer := make(chan hvcall.Welcome, 1)
		c.post(func(c *control) { answer <- c.appHello(conn) })
		return (<-answer).Encode(), nil
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		if err != nil {
			return nil, err
		}
		c.post(func(c *control) { c.appDemand(d) })
		return nil, nil
	case hvcall.OpUsage:
		u, err := hvcall.DecodeUsage(f.Payload)
		if err != nil {
			return nil, err
		}
		c.post(func(c *control) { c.appUses(u) })
		return nil, nil
	case hvcall.OpReady:
		return nil, g.host.SendReady()
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

// setClock steps the guest's clock to the host's. Welcome is on its way for less than a millisecond.
func setClock(unixNanos int64) error {
	if unixNanos == 0 {
		return nil
	}
	tv := unix.NsecToTimeval(unixNanos)
	if err := unix.Settimeofday(&tv); err != nil {
		return fmt.Errorf("set clock to %v: %w", time.Unix(0, unixNanos), err)
	}
	return nil
}

func setHostname(name string) error { return unix.Sethostname([]byte(name)) }
