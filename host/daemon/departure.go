package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
)

// departure carries out what package move decides at the host that a guest leaves. One goroutine, run, owns the state; each
// act has a goroutine of its own, which ends when the next act begins.
type departure struct {
	k    *keeper
	g    *node.Guest // nil = its machine is gone
	to   *peer
	id   string
	base time.Time

	events chan move.Event
	end    context.CancelFunc // of the act under way
	copied context.CancelFunc // of the copying; nil = this daemon did not begin it
	served bool               // the guest is served here
	whole  bool               // it is not asked to shrink

	prepared chan struct{} // closed when the guest has done its part; nil = it was not asked yet

	mu     sync.Mutex
	report nodeapi.Move // guarded by mu, as all below
	ready  nodeapi.Expected
	still  time.Time // since when it stands still
	said   string    // why the destination was not asked to run it, as was said last
	done   chan struct{}
}

func (k *keeper) newDeparture(g *node.Guest, to *peer, id string) *departure {
	return &departure{
		k: k, g: g, to: to, id: id, base: time.Now(), events: make(chan move.Event, 16), end: func() {}, done: make(chan struct{}),
		report: nodeapi.Move{ID: id, Guest: k.name, To: to.Name},
	}
}

func (m *departure) now() time.Duration { return time.Since(m.base) + 1 }

// post hands an event to run; when that has ended nobody needs it.
func (m *departure) post(e move.Event) {
	select {
	case m.events <- e:
	case <-m.done:
	case <-m.k.d.ctx.Done():
	}
}

func (m *departure) note(f func(*nodeapi.Move)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.report)
}

func (m *departure) shown() nodeapi.Move {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.report
}

// run goes on until the move is over, or the daemon leaves: then the next one goes on.
func (m *departure) run(s move.Source, acts []move.Act) {
	defer close(m.done)
	ctx, stop := context.WithCancel(m.k.d.ctx)
	defer stop()
	go m.keepAlive(ctx)
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	var died <-chan struct{}
	var burst <-chan struct{}
	if m.g != nil {
		died, burst = m.g.MachineDone(), m.g.Burst()
	}
	for {
		m.note(func(r *nodeapi.Move) { r.State, r.Cause = string(s.State), string(s.Cause) })
		m.k.d.cfg.Log.Debug("move", "guest", m.k.name, "to", m.to.Name, "state", s.State, "cause", s.Cause)
		m.k.d.cfg.At("move " + string(s.State))
		for _, a := range acts {
			m.do(ctx, s, a)
		}
		if s.State.Final() {
			m.conclude(s)
			return
		}
		setAlarm(alarm, s.Deadline(), m.now())
		e := move.Tick
		select {
		case <-ctx.Done():
			return
		case e = <-m.events:
		case <-died:
			died, e = nil, move.Died
		case <-burst:
			e = move.Burst
		case <-alarm.C:
		}
		s, acts = s.Step(m.now(), e)
	}
}

// do begins an act of a state, which ends the one before it. A copying that is given up still has its own end to tell.
func (m *departure) do(ctx context.Context, s move.Source, a move.Act) {
	if a == move.Push {
		go m.push(ctx)
		return
	}
	if a == move.CancelCopy && m.copied != nil {
		m.copied()
		return
	}
	m.end()
	ctx, m.end = context.WithCancel(ctx)
	switch a {
	case move.Reserve:
		if !m.whole && m.g.Hungry() { // it stands still sooner if it hears now, and room is reserved meanwhile
			m.prepare(m.k.d.ctx)
		}
		go m.reserve(ctx)
	case move.Shrink:
		if !m.whole && m.prepared == nil {
			m.prepare(ctx)
		}
		go m.shrink(ctx, m.prepared)
	case move.Freeze:
		go m.freeze(ctx)
	case move.Copy:
		ctx, m.copied = context.WithCancel(m.k.d.ctx)
		go m.copy(ctx)
	case move.CancelCopy:
		stopped, stop := context.WithCancel(m.k.d.ctx)
		stop()
		go func() { m.sent(m.g.AwaitSent(stopped)) }()
	case move.Run:
		go m.runThere(ctx)
	case move.RunHere:
		m.runHere(ctx)
	case move.Thaw:
		if m.g != nil {
			m.serve()
			m.g.Thaw()
		}
	case move.Forget:
		go m.forget(ctx)
	case move.Release:
		m.release()
		m.post(move.Released)
	case move.DestroyHere:
		m.destroy(s.Cause)
	}
}
