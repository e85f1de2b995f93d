package boottest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm"
)

// stutter has the process pid run a few milliseconds at a time, as a busy host does, until stop is called or the test ends. The times
// between are longer than what the kernel's timers count before they begin anew: 55 ms.
func stutter(t *testing.T, pid int) (stop func()) {
	t.Helper()
	quit, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-quit:
				ended <- nil
				return
			case <-time.After(4 * time.Millisecond):
			}
			err := unix.Kill(pid, unix.SIGSTOP)
			if err == nil {
				time.Sleep(65 * time.Millisecond)
				err = unix.Kill(pid, unix.SIGCONT)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		close(quit)
		if err := <-ended; err != nil {
			t.Errorf("interrupt the guest: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// TestClockOnABusyHost: a guest that is interrupted again and again while it boots has a clock that goes as the host's.
func TestClockOnABusyHost(t *testing.T) {
	for range 3 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			g := begin(t, vmm.Config{BootMemory: boot, MaxMemory: boot, VCPUs: 1})
			stop := stutter(t, g.PID())
			g.ready()
			stop()
			asked := time.Now()
			first := g.now()
			got := time.Now()
			time.Sleep(500 * time.Millisecond)
			between := time.Since(got)
			passed := g.now() - first
			if most := time.Since(asked); passed < between*98/100 || passed > most*102/100 {
				t.Errorf("%v passed in the guest, %v to %v outside", passed, between, most)
			}
		})
	}
}

// now is what the guest's clock shows, which does not jump.
func (g *guest) now() time.Duration {
	g.t.Helper()
	ns, err := strconv.ParseInt(g.ask("now"), 10, 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return time.Duration(ns)
}
