package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// Guest is how a guest stands.
func (d *Daemon) Guest(name string) (nodeapi.Guest, error) {
	k, err := d.find(name)
	if err != nil {
		return nodeapi.Guest{}, err
	}
	return k.show(), nil
}

func (k *keeper) show() nodeapi.Guest {
	k.mu.Lock()
	r, g, last, leaving := k.rec, k.guest, k.lastMove, k.leaving
	k.mu.Unlock()
	if leaving != nil {
		now := leaving.shown()
		last = &now
	}
	s := withoutSecrets(r.Spec)
	shown := nodeapi.Guest{
		Name: k.name, State: r.State, Spec: s, Created: r.Created, Started: r.Started, Ended: r.Ended,
		Exit: r.Exit, Restarts: r.Restarts, Next: r.Next, MovedTo: r.MovedTo, Move: last,
	}
	if r.State != nodeapi.StateRunning || g == nil {
		return shown
	}
	times := g.Times()
	shown.PID, shown.Ports = g.PID(), portsOf(g.Forwards())
	shown.Said, shown.Ready = !times.Hello.IsZero(), !times.Ready.IsZero()
	shown.Exit, shown.Ended = nil, time.Time{}
	if b := r.Bounds; b != nil {
		shown.Spec.Memory = nodeapi.Memory{Min: b.Min, Max: b.Max}
		shown.Spec.CPU = nodeapi.CPU{MinMilli: b.MinMilli, MaxMilli: b.MaxMilli}
		shown.Spec.Weight = b.Weight
	}
	shown.Usage = usage(g.Observe())
	return shown
}

func usage(o node.Observation) *nodeapi.Usage {
	return &nodeapi.Usage{
		MemoryWanted: o.Demanded, MemoryGranted: o.Granted, MemoryPlugged: o.Plugged, MemoryResident: o.Resident,
		CPUWanted: int64(o.DemandedMilli), CPUGranted: int64(o.GrantedMilli), CPUUsed: int64(o.UsedMilli), Stalls: int64(o.Usage.Stalls),
	}
}

// Set changes a running guest's bounds.
func (d *Daemon) Set(ctx context.Context, name string, c nodeapi.Change) (nodeapi.Guest, error) {
	k, err := d.find(name)
	if err != nil {
		return nodeapi.Guest{}, err
	}
	k.setting.Lock()
	defer k.setting.Unlock()
	k.mu.Lock()
	g, state := k.guest, k.rec.State
	k.mu.Unlock()
	if g == nil || state != nodeapi.StateRunning {
		return nodeapi.Guest{}, nodeapi.Refuse(nodeapi.CodeState, "guest %s does not run: bounds are set while it does", name)
	}
	to := g.Bounds()
	for _, f := range []struct {
		from *int64
		to   *int64
	}{{c.MemoryMin, &to.Min}, {c.MemoryMax, &to.Max}, {c.CPUMin, &to.MinMilli}, {c.CPUMax, &to.MaxMilli}} {
		if f.from == nil {
			continue
		}
		if *f.from <= 0 {
			return nodeapi.Guest{}, nodeapi.Refuse(nodeapi.CodeInvalid, "bounds must be more than nothing")
		}
		*f.to = *f.from
	}
	if c.Weight != nil {
		to.Weight = *c.Weight
	}
	if err := g.SetBounds(ctx, to); err != nil {
		return nodeapi.Guest{}, err
	}
	set := g.Bounds()
	if err := k.update(func(r *record) { r.Bounds = &set }); err != nil {
		return nodeapi.Guest{}, err
	}
	return k.show(), nil
}

// Stop asks a guest to end within a time, 0 = its own, after which it is killed, and returns when it has ended. It is not
// started again.
func (d *Daemon) Stop(ctx context.Context, name string, within time.Duration) (nodeapi.Guest, error) {
	return d.end(ctx, name, move.Cancelled, func(k *keeper, g *node.Guest) { k.shutdown(ctx, g, within) })
}

// Kill ends a guest at once and returns when it has ended. It is not started again. One that is being moved is ended here also while
// nobody knows whether it runs at its destination; it goes on there then.
func (d *Daemon) Kill(ctx context.Context, name string) (nodeapi.Guest, error) {
	return d.end(ctx, name, move.GivenUp, func(_ *keeper, g *node.Guest) { g.Kill() })
}

// end ends a guest for good. say is what its move is told, if there is one.
func (d *Daemon) end(ctx context.Context, name string, say move.Event, how func(*keeper, *node.Guest)) (nodeapi.Guest, error) {
	k, err := d.find(name)
	if err != nil {
		return nodeapi.Guest{}, err
	}
	k.mu.Lock()
	state, leaving := k.rec.State, k.leaving
	k.mu.Unlock()
	if state == nodeapi.StateArriving || state == nodeapi.StateMoved {
		return nodeapi.Guest{}, nodeapi.Refuse(nodeapi.CodeMoved, "guest %s does not run here: %s", name, where(k))
	}
	if leaving != nil {
		leaving.post(say)
	}
	if state != nodeapi.StateEnded {
		if err := k.update(func(r *record) { r.Halted = true }); err != nil {
			return nodeapi.Guest{}, err
		}
		d.cfg.At(pointHalted)
		k.halt()
		k.mu.Lock()
		g := k.guest
		k.mu.Unlock()
		if g != nil {
			how(k, g)
		}
	}
	select {
	case <-k.done:
		return k.show(), nil
	case <-ctx.Done():
		return nodeapi.Guest{}, context.Cause(ctx)
	}
}

// where says where a guest is that does not run here.
func where(k *keeper) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rec.State == nodeapi.StateMoved {
		return "it has moved to " + k.rec.MovedTo + ": ask the node there"
	}
	return "it is on its way here: wait, or ask the node where it runs"
}

// speakWithin is how long a guest that was taken up has to say Hello before it cannot be asked to end.
const speakWithin = 5 * time.Second

// shutdown asks a guest to end, and kills it when it does not.
func (k *keeper) shutdown(ctx context.Context, g *node.Guest, within time.Duration) {
	if within == 0 {
		k.mu.Lock()
		within = milliseconds(k.rec.Spec.ShutdownWithinMS)
		k.mu.Unlock()
	}
	if within == 0 {
		within = 10 * time.Second
	}
	select {
	case <-g.Said():
	case <-g.Done():
	case <-ctx.Done():
	case <-time.After(speakWithin):
	}
	// The guest is stopped for good: that who asked has gone is no reason to kill it.
	if err := g.Shutdown(context.WithoutCancel(ctx), within); err != nil {
		k.d.cfg.Log.Info("guest stopped", "guest", k.name, "err", err)
	}
}

// Remove forgets a guest that has ended.
func (d *Daemon) Remove(ctx context.Context, name string) error {
	k, err := d.find(name)
	if err != nil {
		return err
	}
	k.mu.Lock()
	alive := k.rec.alive()
	k.mu.Unlock()
	if alive {
		return nodeapi.Refuse(nodeapi.CodeState, "guest %s has not ended: stop it first with: silo stop %s", name, name)
	}
	select {
	case <-k.done: // its end is told a moment before all of it is cleared up
		return k.forget()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// forget removes all that there is of a guest that does not live.
func (k *keeper) forget() error {
	k.mu.Lock()
	last := word{k.rec.Came, k.rec.word()}
	k.mu.Unlock()
	if last.Is != "" {
		if err := k.d.remember(last); err != nil {
			return err
		}
	}
	if err := k.d.store.remove(k.name); err != nil {
		return err
	}
	k.closeLog()
	k.d.cfg.At(pointForgotten)
	err := os.RemoveAll(k.dir)
	k.d.dismiss(k.name)
	if err != nil {
		return fmt.Errorf("remove guest %s: %w", k.name, err)
	}
	return nil
}

// Wait waits until a guest has ended for good and says how.
func (d *Daemon) Wait(ctx context.Context, name string) (hvcall.Exit, error) {
	k, err := d.find(name)
	if err != nil {
		return hvcall.Exit{}, err
	}
	select {
	case <-k.done:
	case <-ctx.Done():
		return hvcall.Exit{}, context.Cause(ctx)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rec.State == nodeapi.StateMoved {
		return hvcall.Exit{}, nodeapi.Refuse(nodeapi.CodeMoved, "guest %s has moved to %s: ask the node there", name, k.rec.MovedTo)
	}
	if k.rec.State == nodeapi.StateArriving {
		return hvcall.Exit{}, nodeapi.Refuse(nodeapi.CodeMoved, "guest %s did not come: ask the node where it runs", name)
	}
	if k.rec.Exit == nil {
		return hvcall.Exit{}, errors.New("it is not known how the guest ended")
	}
	return *k.rec.Exit, nil
}

// Logs hands out what a guest wrote.
func (d *Daemon) Logs(ctx context.Context, name string, q nodeapi.LogQuery, each func(nodeapi.LogRecord) error) error {
	k, err := d.find(name)
	if err != nil {
		return err
	}
	k.mu.Lock()
	log := k.log
	k.mu.Unlock()
	if log == nil { // it has ended before this daemon began
		if log, err = openLog(k.dir); err != nil {
			return err
		}
		log.close()
	}
	return log.read(ctx, q, each)
}
