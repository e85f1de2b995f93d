package pid1

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
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

// startApplication starts the program from the launcher's thread.
func startApplication(w hvcall.Welcome, l *launcher) (*application, error) {
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
	pid, err := l.fork(append([]string{appPath}, w.Args...), &syscall.ProcAttr{
		Dir: cmp.Or(w.Dir, "/"), Env: environment(w), Sys: &syscall.SysProcAttr{Setsid: true},
		Files: []uintptr{null.Fd(), outW.Fd(), errW.Fd(), theirs.Fd()},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", appPath, err)
	}
	return &application{pid: pid, calls: calls, out: outR, err: errR}, nil
}

// environment is the application's: what the user set, and defaults for what he did not. No name
// stands twice, because the first one would count.
func environment(w hvcall.Welcome) []string {
	env := slices.Clone(w.Env)
	defaults := []string{"PATH=/app:/bin", "HOME=/", "TMPDIR=/tmp", "ZONEINFO=" + zonesArchive, "HOSTNAME=" + w.Name}
	if w.Cores {
		defaults = append(defaults, "GOTRACEBACK=crash") // or a Go program that panics exits, which is no crash
	}
	for _, d := range defaults {
		name, _, _ := strings.Cut(d, "=")
		if !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, name+"=") }) {
			env = append(env, d)
		}
	}
	return append(env, hvcall.EnvFD+"="+strconv.Itoa(callFD))
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
