package sched

import (
	"runtime"
	"slices"
	"sync"
)

// hearers are the functions to be told how many vCPUs the program may use.
type hearers struct {
	mu   sync.Mutex // one call at a time; taken before Agent.mu
	list []*func(vcpus int)
	told int // what they were told last
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
	a.hearers.list = append(a.hearers.list, &f)
	a.hearers.told = a.vcpus()
	f(a.hearers.told)
	return func() {
		a.hearers.mu.Lock()
		defer a.hearers.mu.Unlock()
		a.hearers.list = slices.DeleteFunc(a.hearers.list, func(g *func(int)) bool { return g == &f })
	}
}

// tell calls whoever wants to hear of grants.
func (a *Agent) tell() {
	a.hearers.mu.Lock()
	defer a.hearers.mu.Unlock()
	vcpus := a.vcpus()
	if vcpus == a.hearers.told {
		return
	}
	a.hearers.told = vcpus
	for _, f := range a.hearers.list {
		(*f)(vcpus)
	}
}
