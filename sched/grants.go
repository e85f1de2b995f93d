package sched

import (
	"runtime"
	"slices"
	"sync"
)

// hearers are those to be told how many vCPUs the program may use.
type hearers struct {
	mu   sync.Mutex // one call at a time; taken before Agent.mu
	list []*hearer
}

// hearer is one of them.
type hearer struct {
	f    func(vcpus int)
	told int // what it was told last
}

// tell tells it what it does not know. The lock of all is held.
func (h *hearer) tell(vcpus int) {
	if h.told != vcpus {
		h.told = vcpus
		h.f(vcpus)
	}
}

// OnGrant has f called with the number of vCPUs that the program may use, once now and then after each
// change, when GOMAXPROCS is what it says. Calls come one at a time and must be short: the next grant waits. On
// a nil Agent, where nothing is granted, f is called once, with GOMAXPROCS.
func (a *Agent) OnGrant(f func(vcpus int)) { a.hear(f) }

// hear is OnGrant with a way back.
func (a *Agent) hear(f func(vcpus int)) (forget func()) {
	if a == nil {
		f(runtime.GOMAXPROCS(0))
		return func() {}
	}
	a.hearers.mu.Lock()
	defer a.hearers.mu.Unlock()
	h := &hearer{f: f}
	a.hearers.list = append(a.hearers.list, h)
	h.tell(a.vcpus())
	return func() {
		a.hearers.mu.Lock()
		defer a.hearers.mu.Unlock()
		a.hearers.list = slices.DeleteFunc(a.hearers.list, func(other *hearer) bool { return other == h })
	}
}

// tell calls whoever wants to hear of grants.
func (a *Agent) tell() {
	a.hearers.mu.Lock()
	defer a.hearers.mu.Unlock()
	vcpus := a.vcpus()
	for _, h := range a.hearers.list {
		h.tell(vcpus)
	}
}
