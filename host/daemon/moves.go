package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
)

// Expect has room reserved for a guest of another host, and says how it is sent here.
func (d *Daemon) Expect(ctx context.Context, a nodeapi.Arrival) (nodeapi.Expected, error) {
	if err := checkArrival(a); err != nil {
		return nodeapi.Expected{}, err
	}
	r := &arrival{d: d, a: a, base: time.Now(), events: make(chan move.DestEvent, 16), over: make(chan struct{}), placed: make(chan struct{}), ready: make(chan error, 1)}
	d.mu.Lock()
	_, known := d.arrivals[a.ID]
	if !known {
		d.arrivals[a.ID] = r
	}
	d.mu.Unlock()
	if known {
		return nodeapi.Expected{}, nodeapi.Refuse(nodeapi.CodeTaken, "move %s is under way already", a.ID)
	}
	limits := d.moveLimits()
	if a.LeaseMS > 0 {
		limits.Lease = milliseconds(a.LeaseMS)
	}
	s, acts := move.Expect(r.now(), limits)
	go r.run(s, acts)
	select {
	case err := <-r.ready:
		if err != nil {
			<-r.over // who asks next is told that there is no such move
		}
		return r.at, err
	case <-ctx.Done():
		r.post(move.DestForget)
		return nodeapi.Expected{}, context.Cause(ctx)
	}
}

// What an arrival may say of itself.
const (
	mostLease  = 10 * time.Minute // for which room is kept without a word
	mostSerial = 1 << 62          // of grants: those here are numbered on from it
)

func checkArrival(a nodeapi.Arrival) error {
	if !goodName.MatchString(a.ID) {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "id: %q is not one of a move", a.ID)
	}
	if a.Memory < 0 || a.MilliCPU < 0 || a.LeaseMS < 0 || a.LeaseMS > mostLease.Milliseconds() || a.Serial > mostSerial {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "memory, milli_cpu, lease_ms and serial: less than nothing, or more than there can be")
	}
	if a.Spec.Name == "" {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "spec.name: a guest that moves has one")
	}
	if restarts(a.Spec) {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "spec.restart: a guest that comes is not started again: its image is not here")
	}
	if len(a.Spec.Volumes) > 0 || a.Spec.Bridge == nil && a.Spec.Network != "none" {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "spec: volumes and user-mode networks are of one host alone: a guest that comes has none of either")
	}
	image := a.Spec // it has none here: all of it is in the guest
	image.Kernel, image.Initramfs = "/", "/"
	return check(image)
}

// findMove returns a move that comes here, or how it ended.
func (d *Daemon) findMove(id string) (*arrival, move.DestinationState) {
	d.mu.Lock()
	r, words := d.arrivals[id], d.host.Words
	keepers := make([]*keeper, 0, len(d.keepers))
	for _, k := range d.keepers {
		keepers = append(keepers, k)
	}
	d.mu.Unlock()
	if r != nil {
		return r, r.standing()
	}
	for _, k := range keepers {
		k.mu.Lock()
		came, word := k.rec.Came, k.rec.word()
		k.mu.Unlock()
		if came == id && word != "" {
			return nil, word
		}
	}
	for _, w := range words {
		if w.ID == id {
			return nil, w.Is
		}
	}
	return nil, move.DestGone
}

// remember keeps the word of a move whose guest is about to be forgotten.
func (d *Daemon) remember(w word) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.host
	next.Words = append(slices.Clone(next.Words[max(0, len(next.Words)+1-mostWords):]), w)
	if err := d.store.putHost(next); err != nil {
		return err
	}
	d.host = next
	return nil
}

// Standing is how a move that comes here is. Asking keeps its room.
func (d *Daemon) Standing(id string) nodeapi.Standing {
	r, is := d.findMove(id)
	if r != nil {
		r.post(move.DestHeard)
	}
	return nodeapi.Standing{ID: id, State: string(is)}
}

// RunMoved has a guest run that came in, and returns when it does, or never will, or ctx ends.
func (d *Daemon) RunMoved(ctx context.Context, id string) (nodeapi.Standing, error) {
	r, is := d.findMove(id)
	if r == nil {
		return nodeapi.Standing{ID: id, State: string(is)}, nil
	}
	r.toRun()
	r.post(move.DestRun)
	select {
	case <-r.over:
	case <-ctx.Done():
		return nodeapi.Standing{}, context.Cause(ctx)
	}
	return nodeapi.Standing{ID: id, State: string(r.standing()), LoadMS: r.loaded()}, nil
}

// ForgetMove lets go of a guest that does not come. One that runs here is not forgotten.
func (d *Daemon) ForgetMove(ctx context.Context, id string) error {
	r, is := d.findMove(id)
	if r != nil {
		r.post(move.DestForget)
		select {
		case <-r.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		is = r.standing()
	}
	if is == move.DestGone {
		return nil
	}
	return nodeapi.Refuse(nodeapi.CodeState, "the guest of move %s is %s here", id, is)
}

// setAlarm has a timer fire when a state's deadline comes; 0 = it has none.
func setAlarm(alarm *time.Timer, deadline, now time.Duration) {
	if deadline == 0 {
		alarm.Stop()
		return
	}
	alarm.Reset(max(time.Millisecond, deadline-now))
}
