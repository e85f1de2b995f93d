package pid1

import (
	"runtime"
	"syscall"
)

// launcher is a thread inside the application's cgroups and without its capabilities, from which the
// application is forked: the new process never runs a moment outside its limits. Version 1 hierarchies
// hold threads one by one, which spares us the exec of a helper in between. Getting in takes the
// kernel a while, so it is done while the rest of the guest is prepared. The thread serves once and is
// thrown away, since it cannot get its capabilities back.
type launcher struct {
	orders  chan order
	results chan launched
}

type order struct {
	argv []string
	attr *syscall.ProcAttr
}

type launched struct {
	pid int
	err error
}

// newLauncher returns once the thread is inside.
func newLauncher(groups ...cgroup) (*launcher, error) {
	l := &launcher{orders: make(chan order), results: make(chan launched)}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies with this goroutine
		err := enter(groups)
		ready <- err
		if err != nil {
			return
		}
		o := <-l.orders
		pid, err := syscall.ForkExec(o.argv[0], o.argv, o.attr)
		l.results <- launched{pid, err}
	}()
	return l, <-ready
}

// enter moves the calling thread into the groups and drops its capabilities.
func enter(groups []cgroup) error {
	for _, g := range groups {
		if err := g.addThread(); err != nil {
			return err
		}
	}
	return dropCapabilities()
}

// fork starts the program. It may be called once.
func (l *launcher) fork(argv []string, attr *syscall.ProcAttr) (int, error) {
	l.orders <- order{argv, attr}
	r := <-l.results
	return r.pid, r.err
}
