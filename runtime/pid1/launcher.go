package pid1

import (
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
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
	go onOtherThread(func() {
		err := enter(groups)
		ready <- err
		if err != nil {
			return
		}
		o := <-l.orders
		pid, err := syscall.ForkExec(o.argv[0], o.argv, o.attr)
		l.results <- launched{pid, err}
	})
	return l, <-ready
}

// onOtherThread runs f locked to a thread that is not the process's first, and lets the thread die with
// it. The first one owns the process's memory: in the application's group, this process would be charged
// to that group too, and would wait at the very gate that it has to open.
func onOtherThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // still locked
	}
	taken := make(chan struct{})
	go onOtherThread(func() { close(taken); f() })
	<-taken
	runtime.UnlockOSThread()
}

// enter moves the calling thread into the groups and drops its capabilities and its priority.
func enter(groups []cgroup) error {
	for _, g := range groups {
		if err := g.addThread(); err != nil {
			return err
		}
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 0); err != nil {
		return fmt.Errorf("set the application's priority: %w", err)
	}
	return dropCapabilities()
}

// fork starts the program. It may be called once.
func (l *launcher) fork(argv []string, attr *syscall.ProcAttr) (int, error) {
	l.orders <- order{argv, attr}
	r := <-l.results
	return r.pid, r.err
}
