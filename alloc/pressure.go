package alloc

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Pressure says how short of memory an application is. Caches should shrink when it rises.
type Pressure uint8

// From none to most.
const (
	PressureNone Pressure = iota // what is demanded is granted, or on its way in the usual time
	PressureSome                 // the host does not grant what is demanded
	PressureHigh                 // and the heap has come near what is granted: the collector works hard
)

// String is the level in a word.
func (p Pressure) String() string {
	switch p {
	case PressureNone:
		return "none"
	case PressureSome:
		return "some"
	case PressureHigh:
		return "high"
	}
	return fmt.Sprintf("pressure(%d)", p)
}

const (
	// lateness is how many times the usual latency a grant may take before its absence is pressure.
	lateness = 4

	// nearShare of the limit, in percent: above it the collector feels the limit.
	nearShare = 90
)

// pressure judges one moment. The usual latency is in seconds.
func pressure(held, limit, granted, stated int64, waited time.Duration, latency float64, answered bool) Pressure {
	switch {
	case stated <= granted:
		return PressureNone
	case !answered && waited.Seconds() < lateness*latency:
		return PressureNone
	case held >= limit/100*nearShare:
		return PressureHigh
	}
	return PressureSome
}

// OnPressure has f called with each new level, one call at a time, from a goroutine of its own. A level
// that lasts only while f runs may be skipped: what f hears is where things stand. The first call
// comes when the level first leaves PressureNone. Safe on a nil Agent, where there never is pressure.
func (a *Agent) OnPressure(f func(Pressure)) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	w := &watcher{f: f, wake: make(chan struct{}, 1)}
	a.watchers = append(a.watchers, w)
	w.tell(a.pressure)
	if !a.ended {
		a.work.Go(func() { w.run(a.done) })
	}
}

// watcher carries the level to one callback.
type watcher struct {
	f    func(Pressure)
	wake chan struct{}
	told Pressure // only used by run

	level atomic.Uint32 // where things stand
}

func (w *watcher) tell(p Pressure) {
	w.level.Store(uint32(p))
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) run(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-w.wake:
		}
		if p := Pressure(w.level.Load()); p != w.told {
			w.told = p
			w.f(p)
		}
	}
}
