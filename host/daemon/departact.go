package daemon

import (
	"context"
	"errors"
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
		ready, err := m.to.client.Expect(ctx, nodeapi.Arrival{
			ID: m.id, From: m.k.d.name, Spec: spec, Bounds: bounds, Memory: memory, MilliCPU: milli, Serial: serial, Accel: m.g.Accel(),
			LeaseMS: m.k.d.moveLimits().Lease.Milliseconds(),
		})
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

func (m *departure) shrink(ctx context.Context) {
	begun := time.Now()
	if !m.whole {
		m.g.Shrink(ctx, m.k.d.moveLimits().Shrink*3/4)
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
	m.sent(m.g.Send(ctx, vmm.Sending{To: e.Address, TLS: vmm.Identity{Authority: e.Authority, Cert: e.Cert, Key: e.Key, Peer: e.Peer}}))
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
)

// runThere tells the destination to run the guest.
func (m *departure) runThere(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, runWithin)
	defer cancel()
	s, err := m.to.client.RunMoved(asking, m.id)
	e := verdict(s, err)
	switch e {
	case move.Running:
		m.mu.Lock()
		m.report.DowntimeMS, m.report.LoadMS = since(m.still), s.LoadMS
		m.mu.Unlock()
	case move.Unsure, move.Unreached:
		m.k.d.cfg.Log.Warn("destination not asked to run the guest", "guest", m.k.name, "to", m.to.Name, "sure", e == move.Unreached, "err", err)
		select {
		case <-time.After(runAgain):
		case <-ctx.Done():
		}
	}
	m.post(e)
}

// verdict is what an answer to Run says.
func verdict(s nodeapi.Standing, err error) move.Event {
	var dial *net.OpError
	switch {
	case err == nil && s.State == string(move.DestRunning):
		return move.Running
	case err == nil && s.State == string(move.DestGone), nodeapi.Is(err, nodeapi.CodeNotFound):
		return move.Gone
	case err == nil && s.State == string(move.DestLost):
		return move.Lost
	case errors.As(err, &dial) && dial.Op == "dial":
		return move.Unreached
	}
	return move.Unsure
}

func (m *departure) forget(ctx context.Context) {
	if err := m.to.client.ForgetMove(ctx, m.id); err != nil && !nodeapi.Is(err, nodeapi.CodeNotFound) {
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
