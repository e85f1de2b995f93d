package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

// EnvScript names the environment variable that names the file with the script of a simulated host, for programs that do
// not run in a guest; in one it is not looked at. [hvcalltest.ParseScript] says what stands in it.
const EnvScript = "SILO_SCRIPT"

// hosted is Start outside a guest.
func hosted() (*Guest, error) {
	path := os.Getenv(EnvScript)
	if path == "" {
		return &Guest{hosted: true}, nil
	}
	script, err := hvcalltest.ReadScript(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EnvScript, err)
	}
	// Programs that this one starts are not meant.
	if err := os.Unsetenv(EnvScript); err != nil {
		return nil, fmt.Errorf("unset %s: %w", EnvScript, err)
	}
	guest, rw := hvcall.Pipe()
	host := hvcalltest.NewHost(rw, hvcalltest.HostConfig{Script: script, Tell: os.Stderr, Welcome: hvcall.Welcome{Name: "hosted"}})
	go func() {
		if err := host.Serve(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "silo: the scripted host ended:", err)
		}
	}()
	attached.Store(true)
	g := connect(guest, "the scripted host", false)
	g.hosted = true
	return g, nil
}

// attached says that a simulated host governs this process.
var attached atomic.Bool

// ErrAttached says that a process, which has one heap and one scheduler, is governed already.
var ErrAttached = errors.New("this process has a host already")

// Attach governs the program by whoever is at the other end of rw, a [hvcalltest.Host] in a test, until stop is called; it
// returns when the first Hello is answered, or ctx ends. stop closes rw, waits until all is at rest and puts back the memory
// limit, GOGC and GOMAXPROCS as they were. One Attach at a time: another is refused with [ErrAttached]. Programs do not
// need it, Main attaches to PID 1; tests use package silotest.
func Attach(ctx context.Context, rw io.ReadWriteCloser) (g *Guest, stop func(), err error) {
	if !attached.CompareAndSwap(false, true) {
		return nil, nil, fmt.Errorf("attach to host: %w", ErrAttached)
	}
	before := readTuning()
	s, err := newSession(ctx, rw, false)
	if err != nil {
		attached.Store(false)
		return nil, nil, fmt.Errorf("attach to host: %w", err)
	}
	stop = func() {
		s.end()
		before.set()
		attached.Store(false)
	}
	return &Guest{answer: func() (*session, error) { return s, nil }, hosted: true}, stop, nil
}

// tuning is what the governors change of the Go runtime.
type tuning struct {
	limit   int64 // bytes
	percent int   // GOGC
	procs   int
}

// readTuning reads the tuning; GOGC can only be read by setting it.
func readTuning() tuning {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return tuning{debug.SetMemoryLimit(-1), percent, goruntime.GOMAXPROCS(0)}
}

func (t tuning) set() {
	debug.SetMemoryLimit(t.limit)
	debug.SetGCPercent(t.percent)
	goruntime.GOMAXPROCS(t.procs)
}
