package silotest_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/alloc"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
	silo "github.com/silo-os/silo/runtime"
	"github.com/silo-os/silo/runtime/silotest"
)

const mib = 1 << 20

// bounded is the time for what should come soon.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestReserveUnderPressure: the same program is admitted, kept waiting, let on, and refused for good, as the host says.
func TestReserveUnderPressure(t *testing.T) {
	guest, host := silotest.StartText(t, "memory 64M:256M\ncpus 1:2")
	ctx := bounded(t)
	r, err := guest.Reserve(ctx, 100*mib)
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := guest.Granted(); m < 100*mib || !guest.Hosted() {
		t.Errorf("granted %d", m)
	}
	r.Release()

	host.SetPolicy(hvcalltest.Refuse)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	var refused *alloc.RefusedError
	if _, err := guest.Reserve(short, 200*mib); !errors.As(err, &refused) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("refused by a host that has no more: %v", err)
	}

	host.SetPolicy(nil)
	if _, err := guest.Reserve(ctx, 1<<30); !errors.As(err, &refused) || refused.Limit != hvcall.LimitMaximum || refused.Err != nil {
		t.Errorf("more than ever: %v", err)
	}
}

// TestPressureIsFelt: a shrink reaches the program as pressure and as a lower memory limit.
func TestPressureIsFelt(t *testing.T) {
	guest, host := silotest.Start(t, hvcalltest.Script{Memory: hvcall.MemoryBounds{Boot: 24 * mib, Max: 512 * mib}})
	levels := make(chan alloc.Pressure, 100)
	guest.OnPressure(func(p alloc.Pressure) { levels <- p })
	data := make([]byte, 200*mib)
	ctx := bounded(t)
	if _, err := host.Granted.Wait(ctx, func(g hvcall.Grant) bool { return g.Memory > 200*mib }); err != nil {
		t.Fatal(err)
	}
	if err := host.Do(hvcalltest.Shrinking{To: 100 * mib, Within: time.Second}); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Overruns.Wait(ctx, func(o hvcalltest.Overrun) bool { return o.Granted == 100*mib }); err != nil {
		t.Error("200 MiB are held, 100 granted:", err)
	}
	for high := false; !high; {
		select {
		case p := <-levels:
			high = p == alloc.PressureHigh
		case <-ctx.Done():
			t.Fatal("no pressure")
		}
	}
	if l := debug.SetMemoryLimit(-1); l > 100*mib {
		t.Errorf("memory limit %d", l)
	}
	goruntime.KeepAlive(data)
}

// TestMoveIsAnnounced: a program hears that it is about to move, and the move waits for it.
func TestMoveIsAnnounced(t *testing.T) {
	guest, host := silotest.StartText(t, "memory 64M:1G\nat 300ms move within 5s\nat 800ms stay")
	heard := make(chan silo.Migration, 10)
	guest.OnMigrate(func(_ context.Context, m silo.Migration) {
		if m == silo.Moving {
			time.Sleep(20 * time.Millisecond) // flush buffers
		}
		heard <- m
	})
	for _, want := range []silo.Migration{silo.Moving, silo.Moved, silo.Moving, silo.Stayed} {
		select {
		case m := <-heard:
			if m != want {
				t.Errorf("heard %s, want %s", m, want)
			}
		case <-bounded(t).Done():
			t.Fatalf("%s was not heard", want)
		}
	}
	if m, err := host.Moves.Wait(bounded(t), nil); err != nil || m.Err != nil || m.Took < 20*time.Millisecond {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestDetached: after the test the process is as it was, and may be attached again; not twice at once.
func TestDetached(t *testing.T) {
	limit, procs := debug.SetMemoryLimit(-1), goruntime.GOMAXPROCS(0)
	t.Run("attached", func(t *testing.T) {
		_, host := silotest.StartText(t, "memory 64M:1G\ncpus 3:3")
		if _, err := host.Demands.Wait(bounded(t), nil); err != nil {
			t.Fatal(err)
		}
		if n := goruntime.GOMAXPROCS(0); n < 3 {
			t.Errorf("GOMAXPROCS %d with 3 vCPUs", n)
		}
		rw, _ := hvcall.Pipe()
		if _, _, err := silo.Attach(t.Context(), rw); !errors.Is(err, silo.ErrAttached) {
			t.Errorf("attached twice: %v", err)
		}
	})
	if l, n := debug.SetMemoryLimit(-1), goruntime.GOMAXPROCS(0); l != limit || n != procs {
		t.Errorf("afterwards limit %d and GOMAXPROCS %d; before %d and %d", l, n, limit, procs)
	}
}

// failing is a test that fails: Fatalf ends it.
type failing struct {
	testing.TB
	told string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.told = strings.TrimSpace(format)
	for _, a := range args {
		if err, ok := a.(error); ok {
			f.told = err.Error()
		}
	}
	goruntime.Goexit()
}

func TestBadScriptsFailTheTest(t *testing.T) {
	for script, want := range map[string]string{
		"at 1s dance": "line 1",
		"cpus 2:1":    "no more than the maximum",
	} {
		f := &failing{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			silotest.StartText(f, script)
		}()
		<-done
		if !strings.Contains(f.told, want) {
			t.Errorf("%s: %q", script, f.told)
		}
	}
}
