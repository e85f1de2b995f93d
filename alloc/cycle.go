package alloc

import (
	"runtime"
	"sync/atomic"
)

// cycleHook calls notify after each collection, from the runtime's finalizer goroutine, until
// stopped. An object that nobody holds is found dead by every collection; its finalizer tells and
// puts the object up to be found again.
type cycleHook struct {
	stopped atomic.Bool
	notify  func() // must not block: all finalizers of the process wait behind it
}

type sentinel struct {
	hook *cycleHook
	_    [16]byte // above the size of tiny objects, which are batched and may live on together
}

func hookCycles(notify func()) *cycleHook {
	h := &cycleHook{notify: notify}
	runtime.SetFinalizer(&sentinel{hook: h}, (*sentinel).dead)
	return h
}

func (s *sentinel) dead() {
	if s.hook.stopped.Load() {
		return
	}
	s.hook.notify()
	runtime.SetFinalizer(s, (*sentinel).dead)
}

func (h *cycleHook) stop() { h.stopped.Store(true) }
