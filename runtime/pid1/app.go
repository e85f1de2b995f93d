package pid1

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"

	"github.com/silo-os/silo/hvcall"
)

// appPath is where images put the application.
const appPath = "/app/main"

// callFD is the number of the descriptor on which the application finds its calls.
const callFD = 3

// application is the one program of the guest.
type application struct {
	pid   int
	calls net.Conn // our end of its calls
	out   *os.File // what it prints
	err   *os.File
}

// startApplication starts the program inside the two groups, with fewer capabilities.
func startApplication(w hvcall.Welcome, mem memoryGroup, cpus cpuGroup) (*application, error) {
	calls, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer outW.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer errW.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("open stdin: %w", err)
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir: "/", Env: environment(w), Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{null.Fd(), outW.Fd(), errW.Fd(), theirs.Fd()},
	}
	pid, err := forkInside(append([]string{appPath}, w.Args...), attr, mem.cgroup, cpus.cgroup)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", appPath, err)
	}
	return &application{pid: pid, calls: calls, out: outR, err: errR}, nil
}

// environment is the application's: what the user set, and defaults for what he did not. No name
// stands twice, because the first one would count.
func environment(w hvcall.Welcome) []string {
	env := slices.Clone(w.Env)
	for _, d := range []string{"PATH=/app:/bin", "HOME=/", "TMPDIR=/tmp", "HOSTNAME=" + w.Name} {
		name, _, _ := strings.Cut(d, "=")
		if !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, name+"=") }) {
			env = append(env, d)
		}
	}
	return append(env, hvcall.EnvFD+"="+strconv.Itoa(callFD))
}

// forkInside forks from a thread that is in the groups already, so that the new process never runs
// a moment outside them. Version 1 hierarchies hold threads one by one, which spares us the exec of
// a helper in between. The thread is used up: it has lost capabilities and ends with its goroutine.
func forkInside(argv []string, attr *syscall.ProcAttr, groups ...cgroup) (int, error) {
	type result struct {
		pid int
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies with this goroutine
		for _, g := range groups {
			if err := g.addThread(); err != nil {
				done <- result{0, err}
				return
			}
		}
		if err := dropCapabilities(); err != nil {
			done <- result{0, err}
			return
		}
		pid, err := syscall.ForkExec(argv[0], argv, attr)
		done <- result{pid, err}
	}()
	r := <-done
	return r.pid, r.err
}

func socketPair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make socket pair: %w", err)
	}
	f := os.NewFile(uintptr(fds[0]), "calls")
	defer f.Close() // FileConn works on a duplicate
	ours, err = net.FileConn(f)
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("open socket pair: %w", err)
	}
	return ours, os.NewFile(uintptr(fds[1]), "calls"), nil
}

// reap waits for the process pid and, as PID 1 must, for every orphan on the way.
func reap(pid int) (linux.WaitStatus, error) {
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for the application: %w", err)
		case got == pid && (ws.Exited() || ws.Signaled()):
			return linux.WaitStatus(ws), nil
		}
	}
}
