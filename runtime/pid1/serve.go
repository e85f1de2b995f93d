package pid1

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/alarm"
)

// serveApplication runs the application in the prepared guest and says how it ended.
func (g *guest) serveApplication(w hvcall.Welcome, p *preparation) hvcall.Exit {
	if err := p.welcomed(w); err != nil {
		return initFailed(err)
	}
	defer func() {
		if err := p.release(); err != nil {
			g.log.Error("volumes not unmounted: what was synced is safe", "err", err)
		}
	}()
	k := &p.kernel
	if w.Cores {
		if err := g.cores.want(func() int { return int(k.pid.Load()) }); err != nil {
			return initFailed(err)
		}
	}
	c := newControl(g.log, k, g.host, w, max(0, int64(w.Memory.Boot)-g.bootTotal))
	c.tellPinned(w.Env)
	c.cpu.started(p.running)
	c.cpu.width = p.running
	c.cpu.hold = beforeStart
	c.pause = alarm.In(true, g.log)
	g.control <- c
	ctx, stop := context.WithCancel(context.Background())
	loop := make(chan struct{})
	go func() { c.run(ctx); close(loop) }()
	if err := p.finish(w); err != nil {
		stop()
		return initFailed(err)
	}
	app, err := startApplication(w, p.launcher)
	runtime.GOMAXPROCS(1) // what is granted is the application's
	if err != nil {
		stop()
		return hvcall.Exit{Cause: hvcall.CauseStart, Code: 126, Text: err.Error()}
	}
	if err := stayHome(); err != nil {
		g.log.Error("first process not kept on the first vCPU", "err", err)
	}
	if err := k.counts.add(app.pid); err != nil {
		g.log.Error("application's vCPU time not counted", "err", err)
	}
	k.pid.Store(int64(app.pid))
	g.watchCrowd(c, k)
	c.post((*control).appStarted)
	return g.supervise(ctx, c, k, app, func() { stop(); <-loop })
}

// output passes on a piece of what the application wrote, and returns when a host has it.
func (g *guest) output(s hvcall.Stream, data []byte) error {
	return g.untilTaken(math.MaxInt64, func(ctx context.Context) error { return g.host.PutLog(ctx, s, data) })
}

func initFailed(err error) hvcall.Exit {
	return hvcall.Exit{Cause: hvcall.CauseInit, Code: 125, Text: err.Error()}
}

// supervise connects everything and waits for the end. It stops the control loop by stop, after which
// the loop's state may be read.
func (g *guest) supervise(ctx context.Context, c *control, k *kernel, app *application, stop func()) hvcall.Exit {
	if err := watchGate(k.mem, func() { c.post(func(*control) {}) }); err != nil {
		g.log.Error("gate not watched: stalls are noticed late", "err", err)
	}
	fw := &forwarder{send: g.output}
	c.post(func(c *control) { c.saidAt = fw.saidAt; c.dumps = g.cores.underway.Load })
	fw.forward(hvcall.StreamOut, app.out)
	fw.forward(hvcall.StreamErr, app.err)
	go g.serveCalls(ctx, c, app)
	g.watchApplication(ctx, c)
	g.cores.app.Store(&dumpable{app.pid, uint64(c.welcome.Memory.Max)})
	status, err := reap(app.pid)
	g.cores.app.Store(nil)
	fw.drain()
	var coreLost string
	if c.welcome.Cores && err == nil && status.Signaled() && coreSignals[status.TerminationSignal()] {
		coreLost = g.cores.why(status.CoreDumped())
	}
	stop()
	c.sendUsage(c.now())
	if err != nil {
		return hvcall.Exit{Cause: hvcall.CauseInit, Code: 125, Text: err.Error()}
	}
	end := ending{status: status, stderr: fw.errs.bytes(), refused: c.killedBy.refused, shutdown: c.killedBy.shutdown, hung: c.killedBy.hung}
	if st, err := k.mem.oom(); err == nil {
		end.oomKills = st.kills
	}
	exit := classify(end)
	exit.CoreLost = coreLost
	return exit
}

// serveCalls speaks with the application until it hangs up.
func (g *guest) serveCalls(ctx context.Context, c *control, app *application) {
	conn := hvcall.NewConn(app.calls, hvcall.Config{Log: g.log})
	t := newTeller(conn, g.log)
	go t.run()
	err := conn.Serve(ctx, func(ctx context.Context, f hvcall.Frame) ([]byte, error) {
		return g.fromApplication(ctx, c, t, f)
	})
	if err != nil && ctx.Err() == nil {
		g.log.Warn("conversation with the application ended", "err", err)
	}
	c.post((*control).appGone)
}

func (g *guest) fromApplication(ctx context.Context, c *control, app *teller, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpHello:
		h, err := hvcall.DecodeHello(f.Payload)
		if err != nil {
			return nil, err
		}
		answer := make(chan hvcall.Welcome, 1)
		c.post(func(c *control) {
			again := c.app != nil
			answer <- c.appHello(app, h)
			if !again {
				c.guard(ctx, app)
			}
		})
		return (<-answer).Encode(), nil
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		if err != nil {
			return nil, err
		}
		app.took(d.Applied)
		c.postQuick(func(c *control) { c.appDemand(d) })
		return nil, nil
	case hvcall.OpUsage:
		u, err := hvcall.DecodeUsage(f.Payload)
		if err != nil {
			return nil, err
		}
		c.post(func(c *control) { c.appUses(u) })
		return nil, nil
	case hvcall.OpReady:
		g.ready.Store(true)
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
