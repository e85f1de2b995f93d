package daemon

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// arrival carries out what package move decides at the host that a guest comes to. One goroutine, run, owns the state.
type arrival struct {
	d    *Daemon
	a    nodeapi.Arrival
	k    *keeper
	g    *node.Guest
	base time.Time

	events chan move.DestEvent
	over   chan struct{} // closed when the state is final
	placed chan struct{} // closed when the launch is over; k and g are set before
	halt   context.CancelFunc
	ready  chan error // holds what came of the launch
	at     nodeapi.Expected

	mu    sync.Mutex
	state move.DestinationState // guarded by mu, as all below
	told  time.Time             // when it was first said that the guest is to run
	load  time.Duration         // from then until all of it was there
}

// toRun notes that the guest is to run.
func (r *arrival) toRun() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told.IsZero() {
		r.told = time.Now()
	}
}

// cameIn notes that all of it is there.
func (r *arrival) cameIn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.told.IsZero() {
		r.load = time.Since(r.told)
	}
}

func (r *arrival) loaded() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return float64(r.load) / float64(time.Millisecond)
}

func (r *arrival) now() time.Duration { return time.Since(r.base) + 1 }

func (r *arrival) post(e move.DestEvent) {
	select {
	case r.events <- e:
	case <-r.over:
	case <-r.d.ctx.Done():
	}
}

func (r *arrival) standing() move.DestinationState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// run goes on until the guest runs here or never will.
func (r *arrival) run(s move.Destination, acts []move.DestAct) {
	ctx, stop := context.WithCancel(r.d.ctx)
	defer stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		r.mu.Lock()
		r.state = s.State
		r.mu.Unlock()
		r.d.cfg.Log.Debug("arrival", "guest", r.a.Spec.Name, "from", r.a.From, "state", s.State)
		r.d.cfg.At("arrival " + string(s.State))
		e := move.DestTick
		for _, a := range acts {
			e = cmp.Or(e, r.do(ctx, s.State, a))
		}
		if s.State.Final() {
			r.conclude(s.State)
			return
		}
		setAlarm(alarm, s.Deadline(), r.now())
		// What came of an act goes before all else that waits: that the machine ended counts for less than that it was not set running.
		if e == move.DestTick {
			select {
			case <-ctx.Done():
				return
			case e = <-r.events:
			case <-alarm.C:
			}
		}
		if e == move.DestCameIn {
			e = r.storedIn()
		}
		s, acts = s.Step(r.now(), e)
	}
}

// storedIn has what is stored say that the guest may run here from now on, before anybody can have it run.
func (r *arrival) storedIn() move.DestEvent {
	if err := r.k.update(func(rec *record) { rec.Ran = true }); err != nil {
		r.d.cfg.Log.Error("guest that came in not stored", "guest", r.a.Spec.Name, "err", err)
		return move.DestFailed
	}
	return move.DestCameIn
}

// do carries out an act and returns what is known at once of what came of it; move.DestTick = nothing is.
func (r *arrival) do(ctx context.Context, is move.DestinationState, a move.DestAct) move.DestEvent {
	switch a {
	case move.DestLaunch:
		ctx, r.halt = context.WithCancel(ctx)
		go r.launch(ctx)
	case move.DestStart:
		err := r.g.RunArrived(ctx)
		if err == nil {
			return move.DestStarted
		}
		r.d.cfg.Log.Error("guest that came in not set running", "guest", r.a.Spec.Name, "err", err)
		if errors.Is(err, node.ErrNotStarted) {
			return move.DestNotStarted
		}
		return move.DestMachineEnd
	case move.DestDestroy:
		r.halt()
		<-r.placed
		r.destroy(is)
	}
	return move.DestTick
}

// destroy ends what there is here of a guest. One that ran here is remembered.
func (r *arrival) destroy(is move.DestinationState) {
	if r.g != nil && is == move.DestGone {
		if err := r.g.Drop("did not come"); err != nil {
			r.d.cfg.Log.Error("machine that waited not ended", "guest", r.a.Spec.Name, "err", err)
		}
	}
	if r.k == nil {
		return
	}
	if is == move.DestGone {
		r.k.clear()
		close(r.k.done)
		if err := r.k.forget(); err != nil {
			r.d.cfg.Log.Error("place of a guest that did not come stays", "guest", r.a.Spec.Name, "err", err)
		}
		return
	}
	if err := r.g.Drop("its machine ended as it was set running"); err != nil {
		r.d.cfg.Log.Error("machine not ended", "guest", r.a.Spec.Name, "err", err)
	}
	r.k.clear()
	exit := hvcall.Exit{Cause: hvcall.CauseHost, Code: node.CodeHost, Text: "its machine ended as it was set running, having moved here"}
	r.k.note(func(rec *record) {
		rec.State, rec.Exit, rec.Ended, rec.Machine = nodeapi.StateEnded, &exit, time.Now(), nil
	})
	close(r.k.done)
}

// conclude has what is stored say where the guest is, and goes on with it as with any other.
func (r *arrival) conclude(is move.DestinationState) {
	if is == move.DestRunning {
		close(r.over) // who asked hears of it before all else: a daemon that ends now finds it running
		r.g.Serve(r.d.ctx, r.a.MilliCPU, r.a.Serial)
		if err := r.k.begun(r.g); err != nil {
			r.d.cfg.Log.Error("guest not stored", "guest", r.k.name, "err", err)
			r.k.runs() // who asks is told what is so
		}
		go r.k.live(beginning{guest: r.g})
		if set := r.a.Bounds; set != nil {
			go func() {
				if _, err := r.d.Set(r.d.ctx, r.k.name, *set); err != nil && r.d.ctx.Err() == nil {
					r.d.cfg.Log.Warn("bounds of guest are those it was started with", "guest", r.k.name, "err", err)
				}
			}()
		}
	} else {
		close(r.over)
	}
	r.d.mu.Lock()
	delete(r.d.arrivals, r.a.ID)
	r.d.mu.Unlock()
	r.d.cfg.Log.Info("arrival over", "guest", r.a.Spec.Name, "from", r.a.From, "state", is)
}
