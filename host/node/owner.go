package node

import (
	"log/slog"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/vmm"
)

const blockSize = vmm.BlockSize

// own is the goroutine that owns the broker. It never waits for anything but events and time.
func (n *Node) own(b *broker.Broker) {
	defer close(n.done)
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case ask := <-n.asks:
			ask(b)
			continue
		case <-n.mail.wake:
		case <-alarm.C:
		}
		n.step(b)
		if at, ok := b.NextWake(); ok {
			alarm.Reset(time.Until(n.start.Add(at)))
		} else {
			alarm.Stop()
		}
	}
}

// step has the broker act upon what is in the mailbox, and does as it says.
func (n *Node) step(b *broker.Broker) {
	events, waiting := n.mail.take()
	actions := b.Step(time.Since(n.start), events)
	n.publish(b, events, actions) // before anybody can act upon it
	for _, a := range actions {
		if level := levelOf(a); n.cfg.Log.Enabled(n.ctx, level) {
			n.cfg.Log.Log(n.ctx, level, a.String())
		}
		n.do(a)
	}
	for _, done := range waiting {
		close(done)
	}
}

// levelOf is how much people should care about an action.
func levelOf(a broker.Action) slog.Level {
	switch a.(type) {
	case broker.Alarm, broker.Kill:
		return slog.LevelWarn
	case broker.ProposeMove:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// do hands an action to the guest it is for. Nothing here waits.
func (n *Node) do(a broker.Action) {
	switch a := a.(type) {
	case broker.Admit:
		n.with(a.Guest, func(g *Guest) { g.admission <- nil })
	case broker.Refuse:
		n.with(a.Guest, func(g *Guest) { g.admission <- &RefusedError{Guest: a.Guest, Why: a.Why} })
	case broker.Resize:
		n.with(a.Guest, func(g *Guest) { g.resizes.put(a) })
	case broker.SendGrant:
		n.with(a.Guest, func(g *Guest) { g.grants.put(a.Grant) })
	case broker.Kill:
		n.with(a.Guest, func(g *Guest) { g.stop("killed by the host: " + a.Why) })
	case broker.Burst:
		n.with(a.Guest, func(g *Guest) {
			select {
			case g.bursts <- struct{}{}:
			default:
			}
		})
	case broker.ProposeMove:
		if n.cfg.Propose != nil {
			n.cfg.Propose(a)
		}
	case broker.BoundsSet:
		n.with(a.Guest, func(g *Guest) { g.answerBounds(nil) })
	case broker.BoundsDenied:
		n.with(a.Guest, func(g *Guest) { g.answerBounds(&BoundsError{Guest: a.Guest, Why: a.Why}) })
	}
}

func (n *Node) with(id broker.GuestID, f func(*Guest)) {
	if g := n.find(id); g != nil {
		f(g)
	}
}

// publish lets the guests that a step was about see what the broker knows of them now.
func (n *Node) publish(b *broker.Broker, events []broker.Event, actions []broker.Action) {
	seen := make(map[broker.GuestID]bool)
	show := func(id broker.GuestID) {
		if seen[id] {
			return
		}
		seen[id] = true
		if view, ok := b.Guest(id); ok {
			n.with(id, func(g *Guest) { g.show(view) })
		}
	}
	for _, e := range events {
		if _, measured := e.(broker.Ran); !measured { // the guest's own readings say more
			show(e.About())
		}
	}
	for _, a := range actions {
		show(a.About())
	}
}
