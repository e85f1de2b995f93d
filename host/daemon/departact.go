package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

func (m *departure) reserve(ctx context.Context) {
	err := func() error {
		spec, bounds := m.k.movedSpec()
		memory, milli, serial := m.g.Holding()
		still, err := m.g.StandsStill(ctx)
		if err != nil { // what is wrong with the machine shows when it is to do something
			m.k.d.cfg.Log.Info("it is not known whether the guest will stand still: qemu copies all of it", "guest", m.k.name, "err", err)
		}
		ready, err := m.to.client.Expect(ctx, nodeapi.Arrival{
			ID: m.id, From: m.k.d.name, Spec: spec, Bounds: bounds, Memory: memory, MilliCPU: milli, Serial: serial, Accel: m.g.Accel(), Still: still,
			LeaseMS: m.k.d.moveLimits().Lease.Milliseconds(),
		})
		if !still {
			ready.Memory = ""
		}
		m.mu.Lock()
		m.ready = ready
		m.mu.Unlock()
		return err
	}()
	switch {
	case err == nil:
		m.post(move.Reserved)
	case ctx.Err() == nil: // else it is not waited for any more
		m.fail(err)
		m.post(move.Refused)
	}
}

// movedSpec is the guest as its destination is to know it.
func (k *keeper) movedSpec() (s nodeapi.Spec, set *nodeapi.Change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s = k.rec.Spec
	s.Kernel, s.Initramfs = "", ""
	if b := k.rec.Bounds; b != nil {
		set = &nodeapi.Change{MemoryMin: &b.Min, MemoryMax: &b.Max, CPUMin: &b.MinMilli, CPUMax: &b.MaxMilli, Weight: &b.Weight}
	}
	return s, set
}

// prepare has the guest do its part.
func (m *departure) prepare(ctx context.Context) {
	done := make(chan struct{})
	m.prepared = done
	go func() {
		defer close(done)
		m.g.Prepare(ctx, m.k.d.moveLimits().Shrink*3/4)
	}()
}

// shrink waits until the guest has done its part, and holds no more than it wants.
func (m *departure) shrink(ctx context.Context, prepared <-chan struct{}) {
	begun := time.Now()
	if prepared != nil {
		select {
		case <-prepared:
			m.g.Settle(ctx)
		case <-ctx.Done():
		}
	}
	m.note(func(r *nodeapi.Move) { r.ShrinkMS = since(begun) })
	m.post(move.Shrunk)
}

func since(t time.Time) float64 { return float64(time.Since(t)) / float64(time.Millisecond) }

func (m *departure) freeze(ctx context.Context) {
	held, err := m.g.Freeze(ctx)
	if err != nil {
		return // it is given up: its time is over, or the guest is
	}
	m.note(func(r *nodeapi.Move) { r.Held = held })
	m.post(move.Frozen)
}

func (m *departure) copy(ctx context.Context) {
	m.mu.Lock()
	e := m.ready
	m.mu.Unlock()
	m.sent(m.g.Send(ctx, vmm.Sending{To: e.Address, Memory: e.Memory, TLS: vmm.Identity{Authority: e.Authority, Cert: e.Cert, Key: e.Key, Peer: e.Peer}}))
}

// sent takes in how the copying ended.
func (m *departure) sent(s vmm.Sent, err error) {
	m.mu.Lock()
	r := &m.report
	r.Bytes, r.PageBytes = s.Bytes, s.Pages
	r.QEMUMS, r.CopyMS = float64(s.Downtime.Milliseconds()), float64(s.Took.Milliseconds())
	m.still = time.Now().Add(-s.Downtime)
	m.mu.Unlock()
	if err != nil {
		m.fail(err)
		m.post(move.CopyFailed)
		return
	}
	m.post(move.Copied)
}

func (m *departure) push(ctx context.Context) {
	if err := m.g.AllowDowntime(ctx, vmm.MaxDowntime); err != nil && ctx.Err() == nil {
		m.k.d.cfg.Log.Warn("longer downtime not allowed", "guest", m.k.name, "err", err)
	}
}

const (
	// runWithin is how long the destination has to answer that it runs the guest, and runAgain how soon it is asked again.
	runWithin = 5 * time.Second
	runAgain  = 100 * time.Millisecond
	// runHereWithin is how long the machine here has to set the guest running again.
	runHereWithin = 10 * time.Second
)

// runThere tells the destination to run the guest.
func (m *departure) runThere(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, runWithin)
	defer cancel()
	s, err := m.to.client.RunMoved(asking, m.id)
	e := verdict(m.id, s, err)
	switch e {
	case move.Running:
		m.mu.Lock()
		m.report.DowntimeMS, m.report.LoadMS = since(m.still), s.LoadMS
		m.mu.Unlock()
	case move.Unsure, move.Unreached:
		m.complain(e == move.Unreached, err)
		select {
		case <-time.After(runAgain):
		case <-ctx.Done():
		}
	}
	m.post(e)
}

// complain says why the destination was not asked, once for each reason: it is asked many times a second.
func (m *departure) complain(sure bool, err error) {
	m.mu.Lock()
	said := m.said
	m.said = err.Error()
	m.mu.Unlock()
	if said != err.Error() {
		m.k.d.cfg.Log.Warn("destination not asked to run the guest: it is asked again", "guest", m.k.name, "to", m.to.Name, "sure", sure, "err", err)
	}
}

// runHere sets the guest running here again. One that cannot be is ended, with the cause told: it would stand still for ever.
func (m *departure) runHere(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, runHereWithin)
	defer cancel()
	err := m.g.RunHere(ctx)
	for err != nil && m.isThere(ctx) {
		err = m.g.RunHere(ctx)
	}
	m.serve()
	select {
	case <-m.g.MachineDone(): // how is told as ever
		return
	default:
	}
	if err != nil {
		m.k.d.cfg.Log.Error("guest not set running again: it is ended", "guest", m.k.name, "err", err)
		m.g.End(fmt.Sprintf("ended by the host: it did not move to %s, and could not be set running again: %v", m.to.Name, err))
	}
}

// isThere waits for a moment and reports whether the machine here is worth another try.
func (m *departure) isThere(ctx context.Context) bool {
	select {
	case <-time.After(runAgain):
		return true
	case <-m.g.MachineDone():
	case <-ctx.Done():
	}
	return false
}

// verdict is what an answer to Run says of the move with an id. Only the destination's own word about this very move is final: any
// other refusal may come from something that never heard of it.
func verdict(id string, s nodeapi.Standing, err error) move.Event {
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return move.Unreached
	case err != nil || s.ID != id:
		return move.Unsure
	}
	switch move.DestinationState(s.State) {
	case move.DestRunning:
		return move.Running
	case move.DestGone:
		return move.Gone
	case move.DestLost:
		return move.Lost
	}
	return move.Unsure
}

func (m *departure) forget(ctx context.Context) {
	if err := m.to.client.ForgetMove(ctx, m.id); err != nil {
		m.post(move.Unheard)
		return
	}
	m.post(move.Forgotten)
}

// keepAlive lets the destination know that the move goes on.
func (m *departure) keepAlive(ctx context.Context) {
	tick := time.NewTicker(m.k.d.moveLimits().Lease / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, _ = m.to.client.Standing(ctx, m.id) // what matters is asked where it matters
	}
}
