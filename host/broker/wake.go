package broker

import "time"

// wakeTime is a moment, or none.
type wakeTime struct {
	at time.Duration
	ok bool
}

// soonest takes in another moment; what is not after now was seen to by the step at now.
func (w *wakeTime) soonest(at, now time.Duration) {
	if at > now && (!w.ok || at < w.at) {
		*w = wakeTime{at, true}
	}
}

func (w *wakeTime) retry(r Retry, now time.Duration) {
	if r.Wait != 0 {
		w.soonest(r.At, now)
	}
}

// arm notes when a member must be looked at although nothing happens.
func (b *Broker) arm(g *member) {
	var w wakeTime
	m, now := &g.Memory, b.s.Now
	w.retry(m.Grow, now) // also while a resize is under way: who cannot wait has it replaced
	if m.Op == 0 {
		w.retry(m.Shrink, now)
	}
	w.retry(g.Remind, now)
	if a := m.Astray; a.Is && !a.Told {
		w.soonest(a.Since+b.cfg.Astray, now)
	}
	if b.canGrow(g) {
		w.soonest(m.Bucket.Next, now)
	}
	if g.CPU.Load.Most != 0 {
		w.retry(g.CPU.Load.Lift, now)
	}
	w.soonest(g.CPU.Seizure.At, now)
	if g.Conduct.Bad {
		w.soonest(g.Conduct.Until, now)
	}
	w.soonest(m.Owing.Due, now)
	if g.wake = w; w.ok {
		b.timers.put(g)
	} else {
		b.timers.remove(g)
	}
}

// wakeDue touches the members whose moment has come.
func (b *Broker) wakeDue() {
	for g := b.timers.first(); g != nil && g.wake.at <= b.s.Now; g = b.timers.first() {
		b.timers.remove(g)
		b.touch(g)
	}
}

// NextWake returns when Step must be called even if nothing happens, and whether it must.
func (b *Broker) NextWake() (time.Duration, bool) {
	var w wakeTime
	w.soonest(b.s.Price.Next, b.s.Now)
	if !b.s.Crowd.Named {
		w.soonest(b.s.Crowd.Next, b.s.Now)
	}
	if g := b.timers.first(); g != nil {
		w.soonest(g.wake.at, b.s.Now)
	}
	return w.at, w.ok
}
