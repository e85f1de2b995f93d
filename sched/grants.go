package sched

import "runtime"

// Width is how many vCPUs the program may use now: GOMAXPROCS. A nil Agent knows as well.
func (a *Agent) Width() int { return runtime.GOMAXPROCS(0) }

// OnGrant has f called with the number of vCPUs that the program may use, once now and then after each
// change, when GOMAXPROCS is what it says. Calls come one at a time and must be short: the next grant waits. With
// a nil Agent, where nothing is granted, f is called once.
func (a *Agent) OnGrant(f func(vcpus int)) {
	if a == nil {
		f(runtime.GOMAXPROCS(0))
		return
	}
	a.telling.Lock()
	defer a.telling.Unlock()
	a.mu.Lock()
	a.hears = append(a.hears, f)
	a.mu.Unlock()
	f(a.Width())
}

// tell calls whoever wants to hear of grants.
func (a *Agent) tell() {
	a.telling.Lock()
	defer a.telling.Unlock()
	width := a.Width()
	a.mu.Lock()
	hears := a.hears[:len(a.hears):len(a.hears)]
	same := width == a.told
	a.told = width
	a.mu.Unlock()
	if same {
		return
	}
	for _, f := range hears {
		f(width)
	}
}
