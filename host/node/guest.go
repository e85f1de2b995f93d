package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/corefile"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// Guest is one guest, from its admission on. Its methods may be called from any goroutine.
type Guest struct {
	node *Node
	id   broker.GuestID
	spec GuestSpec
	vm   vmm.Machine
	conn *hvcall.Conn
	out  *output

	started time.Time // of the machine

	admission chan error // nil = admitted; one value
	save      sync.Once  // of the guest as a template
	resizes   *resizer
	grants    *slot[hvcall.Grant]
	cpus      *processors
	changes   *slot[struct{}]
	demands   *pacer
	bounds    chan error // the answer to a change of bounds
	limits    *limiter
	cores     *cores
	bursts    chan struct{} // holds a token when it needs memory while its size is frozen

	adopted bool // its machine ran before this node did

	said   moment      // Hello was answered
	spoke  moment      // the guest stated something behind its Hello: it runs, and can take grants
	ready  moment      // the application said that it serves
	told   moment      // the guest reported its Exit
	silent moment      // the guest answered nothing for too long
	kill   chan string // why; holds the first one

	heard   atomic.Uint64 // frames that came from the guest
	hearing atomic.Int32  // of them are being taken in; those behind them may wait

	done chan struct{} // closed when nothing is left
	exit hvcall.Exit   // set before done is closed
	err  error         // likewise

	mu          sync.Mutex
	view        broker.Guest // guarded by mu, as all below; what the broker knows
	usage       hvcall.Usage // what the guest said last
	reported    *hvcall.Exit // what the guest said of its end
	steals      bool         // it reads Steal
	reportedUse time.Time    // when the broker last heard what it uses
	demanded    bool         // it stated something since its Hello: it can take grants
}

// Times are the moments of a guest's life; a zero time has not come.
type Times struct {
	Started time.Time // the machine was asked for
	Hello   time.Time // PID 1 was answered
	Ready   time.Time // the application said that it serves
	Exit    time.Time // PID 1 said how the application ended
}

// RefusedError says that the host can never run a guest as it is specified.
type RefusedError struct {
	Guest broker.GuestID
	Why   string
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("start guest %s: the host cannot guarantee it: %s: lower its minima or end other guests", e.Guest, e.Why)
}

// Start starts a guest and returns once its machine runs; it waits while the host has no room for its
// boot memory. ctx bounds the start only. Errors: *SpecError, *RefusedError, ErrClosed, those of
// vmm.Start, and ctx's.
func (n *Node) Start(ctx context.Context, spec GuestSpec) (*Guest, error) {
	spec, err := spec.withDefaults()
	if err != nil {
		return nil, err
	}
	if spec.Cores != "" {
		if err := corefile.Check(spec.Cores); err != nil {
			return nil, fmt.Errorf("start guest: %w", err)
		}
	}
	g := newGuest(n, spec)
	if err := n.register(g); err != nil {
		return nil, err
	}
	if err := g.boot(ctx); err != nil {
		n.forget(g)
		n.ended.Done()
		return nil, err
	}
	g.begin(hvcall.Limits{Stuck: stuckAfter, Frames: framesEach})
	return g, nil
}

func newGuest(n *Node, spec GuestSpec) *Guest {
	g := &Guest{
		node: n, spec: spec, admission: make(chan error, 1), resizes: newResizer(),
		grants: newSlot[hvcall.Grant](), cpus: newProcessors(spec.CPU.MaxMilli), changes: newSlot[struct{}](),
		said: newMoment(), spoke: newMoment(), ready: newMoment(), told: newMoment(), silent: newMoment(), bounds: make(chan error, 1), bursts: make(chan struct{}, 1),
		limits: newLimiter(spec.Limit), kill: make(chan string, 1), done: make(chan struct{}),
	}
	g.demands = &pacer{pass: func(d hvcall.Demand) { n.post(broker.Demanded{Guest: g.id, Demand: d}) }}
	return g
}

// begin has the guest served, whose machine runs.
func (g *Guest) begin(l hvcall.Limits) {
	g.conn = hvcall.NewConn(g.vm.Port(), hvcall.Config{Limits: l, Log: g.node.cfg.Log})
	g.out = newOutput(g.spec, g.node.cfg.Log)
	g.cores = newCores(g.spec)
	go g.live()
}

// Run starts a guest and waits for its end. When ctx ends the guest is asked to end within
// spec.ShutdownWithin.
func (n *Node) Run(ctx context.Context, spec GuestSpec) (hvcall.Exit, error) {
	g, err := n.Start(ctx, spec)
	if err != nil {
		return hvcall.Exit{}, err
	}
	select {
	case <-g.Done():
	case <-ctx.Done():
		if err := g.Shutdown(context.WithoutCancel(ctx), g.spec.ShutdownWithin); err != nil {
			n.cfg.Log.Warn("shutdown", "guest", g.id, "err", err)
		}
	}
	return g.Wait()
}

// boot takes the guest from waiting to booting.
func (g *Guest) boot(ctx context.Context) error {
	g.node.post(broker.GuestAdded{Guest: g.id, Bounds: g.spec.bounds()})
	select {
	case err := <-g.admission:
		if err != nil {
			return err
		}
	case why := <-g.kill:
		return fmt.Errorf("start guest %s: %s", g.id, why)
	case <-ctx.Done():
		return fmt.Errorf("start guest %s: wait for room on the host: %w", g.id, ctx.Err())
	}
	g.started = time.Now()
	cfg := g.spec.machine(g.node.cfg.Log)
	if g.spec.Template {
		cfg.Templates = g.node.cfg.Templates
	}
	if err := attach(ctx, &cfg, g.spec.Volumes, g.node.cfg.Volumes); err != nil {
		return fmt.Errorf("start guest %s: %w", g.id, err)
	}
	if g.spec.Machine != nil {
		g.spec.Machine(&cfg)
	}
	g.limits.follow(g.upper)
	vm, err := g.node.cfg.Launch(ctx, cfg)
	if err != nil {
		return ofVolume(err, cfg, g.spec.Volumes)
	}
	g.vm = vm
	if err := g.holdProcessors(ctx); err != nil {
		return errors.Join(err, vm.Close(), g.cpus.close())
	}
	return nil
}

// holdProcessors puts the machine's vCPUs under what is guaranteed to the guest, or, where it ran before, under the most
// that it may have been granted: that is what the ledger says of it, and nothing is taken from it untold.
func (g *Guest) holdProcessors(ctx context.Context) error {
	threads, err := g.vm.VCPUThreads(ctx)
	if err != nil {
		return fmt.Errorf("start guest %s: find vCPU threads: %w", g.id, err)
	}
	milli := g.spec.CPU.MinMilli
	if g.adopted {
		milli = g.spec.CPU.MaxMilli
	}
	if err := g.cpus.hold(g.node.cfg.Hold(g.vm.PID(), threads), milli); err != nil {
		return fmt.Errorf("start guest %s: %w", g.id, err)
	}
	return nil
}

// Name is the guest's name.
func (g *Guest) Name() string { return string(g.id) }

// PID is the process id of the guest's machine.
func (g *Guest) PID() int { return g.vm.PID() }

// Forwards are the forwarded ports, with the chosen ones in place of 0.
func (g *Guest) Forwards() []vmm.Forward {
	if vm, ok := g.vm.(interface{ Forwards() []vmm.Forward }); ok {
		return vm.Forwards()
	}
	return g.spec.Ports
}

// Times are the moments of the guest's life until now.
func (g *Guest) Times() Times {
	return Times{Started: g.started, Hello: g.said.when(), Ready: g.ready.when(), Exit: g.told.when()}
}

// RoundTrip is how long PID 1 takes to answer a call that it answers whatever else it does.
func (g *Guest) RoundTrip(ctx context.Context) (time.Duration, error) { return g.conn.RoundTrip(ctx) }

// Said is closed when the guest's Hello was answered.
func (g *Guest) Said() <-chan struct{} { return g.said.c }

// Ready is closed when the application said that it serves. Not every application says so.
func (g *Guest) Ready() <-chan struct{} { return g.ready.c }

// Done is closed when the guest has ended and nothing of it is left.
func (g *Guest) Done() <-chan struct{} { return g.done }

// Wait waits for the guest's end and returns how its application ended: in its own words, or, where it had
// none, with cause [hvcall.CauseKernel], [hvcall.CauseSilent] or [hvcall.CauseHost]. It returns a *HelloError for a guest
// that ended, or was ended, without having said Hello.
func (g *Guest) Wait() (hvcall.Exit, error) {
	<-g.done
	return g.exit, g.err
}

// ErrKilled is returned by Shutdown when the guest did not end by itself.
var ErrKilled = errors.New("the guest did not end in time and was killed")

// Shutdown asks the guest to end by itself within a time, and kills it when it does not, when it cannot be
// asked, or when ctx ends. It returns when the guest has ended.
func (g *Guest) Shutdown(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within+shutdownGrace)
	defer cancel()
	select {
	case <-g.said.c:
	default: // nobody is there to be asked
		g.Kill()
	}
	select {
	case <-g.done:
	default:
		if err := g.conn.AskShutdown(ctx, hvcall.Shutdown{Within: within}); err != nil {
			g.node.cfg.Log.Info("guest not asked to end", "guest", g.id, "err", err)
			g.stop(fmt.Sprintf("killed by the host: it could not be asked to end: %v", err))
		}
	}
	select {
	case <-g.done:
		return nil
	case <-ctx.Done():
		g.stop(fmt.Sprintf("killed by the host: it did not end within %v", within))
		<-g.done
		return fmt.Errorf("shut down guest %s: %w", g.id, ErrKilled)
	}
}

// shutdownGrace is what a guest has beyond the application's own time, to report and power off.
const shutdownGrace = 3 * time.Second

// Kill ends the guest at once, whatever it does. It does not wait.
func (g *Guest) Kill() { g.stop("killed by the host") }

// stop has the guest ended; the first reason counts.
func (g *Guest) stop(why string) {
	select {
	case g.kill <- why:
	default:
	}
}
