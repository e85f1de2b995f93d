package node

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

func TestWelcome(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		now := time.Now().UnixNano()
		_, err := r.Start(t.Context(), GuestSpec{
			Name: "kv", Args: []string{"-v"}, Env: []string{"A=1"}, Memory: Memory{Min: 48 * mib, Max: 512 * mib},
			CPU: CPU{MinMilli: 500, MaxMilli: 2500}, ShutdownWithin: 3 * time.Second, RefuseAfter: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, guest := r.last()
		want := hvcall.Welcome{
			Name: "kv", Args: []string{"-v"}, Env: []string{"A=1"}, MaxFrame: hvcall.DefaultMaxFrame, UnixNanos: now,
			Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog, hvcall.CapSteal, hvcall.CapVolumes, hvcall.CapCores},
			Grant:        hvcall.GrantJSON{Serial: 1, Memory: 48 * mib, MilliCPU: 500},
			Memory:       hvcall.MemoryBounds{Boot: 48 * mib, Max: 512 * mib},
			CPU:          hvcall.CPUBounds{MinMilli: 500, MaxMilli: 2500},
			Network:      &hvcall.Network{Address: []string{"10.0.2.15/24", "fec0::15/64"}, Gateway: []string{"10.0.2.2", "fec0::2"}, DNS: []string{"10.0.2.3"}},
			ShutdownMS:   3000, RefusalMS: 1000,
		}
		for range 2 { // said again it is answered with the same
			got, err := guest.SayHello(t.Context())
			got.Seed = nil // another each time
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%v\n%s", err, d)
			}
		}
		cfg := r.cfgs[0]
		if cfg.VCPUs != 3 || cfg.BootMemory != 48*mib || cfg.MaxMemory != 512*mib || cfg.Name != "kv" {
			t.Errorf("machine %+v", cfg)
		}
	})
}

// TestEnds goes through all the ways in which a guest can end.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		mute  bool // it says no Hello
		end   func(r *rig, g *Guest, guest *hvcalltest.Guest)
		exit  hvcall.Exit
		err   string
		after time.Duration
	}{
		{name: "exit", end: func(r *rig, _ *Guest, guest *hvcalltest.Guest) {
			exit(r.t, guest, hvcall.Exit{Cause: hvcall.CauseExit, Code: 7})
			powerOff(r.vms[0])
		}, exit: hvcall.Exit{Cause: hvcall.CauseExit, Code: 7}},
		{name: "exit and no power off", end: func(r *rig, _ *Guest, guest *hvcalltest.Guest) {
			exit(r.t, guest, hvcall.Exit{Cause: hvcall.CausePanic, Code: 2, Trace: "goroutine 1"})
		}, exit: hvcall.Exit{Cause: hvcall.CausePanic, Code: 2, Trace: "goroutine 1"}, after: powerOffWithin},
		{name: "two exits", end: func(r *rig, _ *Guest, guest *hvcalltest.Guest) {
			exit(r.t, guest, hvcall.Exit{Cause: hvcall.CauseExit, Code: 1})
			exit(r.t, guest, hvcall.Exit{Cause: hvcall.CauseExit, Code: 2})
			powerOff(r.vms[0])
		}, exit: hvcall.Exit{Cause: hvcall.CauseExit, Code: 1}},
		{name: "kernel panic", end: func(r *rig, _ *Guest, _ *hvcalltest.Guest) {
			r.vms[0].SetConsole("one", "Kernel panic - not syncing: boo")
			r.vms[0].End(vmm.ExitError{Cause: vmm.CauseGuestPanic, Detail: "boo"})
		}, exit: hvcall.Exit{Cause: hvcall.CauseKernel, Code: CodeKernel, Text: "guest kernel panicked: boo",
			Trace: "last lines of its console:\n  one\n  Kernel panic - not syncing: boo"}},
		{name: "kernel panic before hello", mute: true, end: func(r *rig, _ *Guest, _ *hvcalltest.Guest) {
			r.vms[0].End(vmm.ExitError{Cause: vmm.CauseGuestPanic, Detail: "no init"})
		}, exit: hvcall.Exit{Cause: hvcall.CauseKernel, Code: CodeKernel, Text: "guest kernel panicked: no init", Trace: "its console stayed empty"}},
		{name: "qemu killed", end: func(r *rig, _ *Guest, _ *hvcalltest.Guest) {
			r.vms[0].End(vmm.ExitError{Cause: vmm.CauseKilled, Detail: "SIGKILL"})
		}, exit: hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeHost, Text: "qemu was killed: SIGKILL", Trace: "its console stayed empty"}},
		{name: "qemu killed in the middle of a frame", end: func(r *rig, _ *Guest, guest *hvcalltest.Guest) {
			guest.SendRaw([]byte("si"))
			guest.Close()
			time.Sleep(10 * time.Millisecond)
			r.vms[0].End(vmm.ExitError{Cause: vmm.CauseKilled, Detail: "SIGKILL"})
		}, exit: hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeHost, Text: "qemu was killed: SIGKILL", Trace: "its console stayed empty"}, after: 10 * time.Millisecond},
		{name: "power off without a word", end: func(r *rig, _ *Guest, _ *hvcalltest.Guest) { powerOff(r.vms[0]) },
			exit: hvcall.Exit{Cause: hvcall.CauseInit, Code: CodeHost, Text: "the guest powered off without saying how its application ended", Trace: "its console stayed empty"}},
		{name: "hangs up", end: func(_ *rig, _ *Guest, guest *hvcalltest.Guest) { guest.Close() },
			exit: hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeHost, Text: "stopped by the host", Trace: "its console stayed empty"}, after: powerOffWithin},
		{name: "garbage", end: func(_ *rig, _ *Guest, guest *hvcalltest.Guest) {
			go guest.SendRaw([]byte(strings.Repeat("x", 64)))
		}, exit: hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeHost, Trace: "its console stayed empty",
			Text: "the call channel failed: decode frame: magic 2021161080: not a silo frame"}},
		{name: "killed", end: func(_ *rig, g *Guest, _ *hvcalltest.Guest) { g.Kill() },
			exit: hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeKilled, Signal: 9, Text: "killed by the host"}},
		{name: "no hello", mute: true, end: func(r *rig, _ *Guest, _ *hvcalltest.Guest) { r.vms[0].SetConsole("busy") },
			err: "guest guest-1 did not say hello within 30s\nlast lines of its console:\n  busy", after: 30 * time.Second},
		{name: "ends before hello", mute: true, end: func(r *rig, _ *Guest, _ *hvcalltest.Guest) { powerOff(r.vms[0]) },
			err: "guest guest-1 ended before it said hello: guest shut down\nits console stayed empty"},
		{name: "garbage before hello", mute: true, end: func(_ *rig, _ *Guest, guest *hvcalltest.Guest) {
			go guest.SendRaw([]byte("\x1b[31mthis is not silo"))
		}, err: "guest guest-1 said something else than hello: decode frame: magic 825449243: not a silo frame\nits console stayed empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
				g, err := r.Start(t.Context(), GuestSpec{})
				if err != nil {
					t.Fatal(err)
				}
				_, guest := r.last()
				if !c.mute {
					if _, err := guest.SayHello(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				start := time.Now()
				c.end(r, g, guest)
				got, err := g.Wait()
				if d := cmp.Diff(c.exit, got); d != "" {
					t.Error(d)
				}
				var late *HelloError
				if c.err == "" && err != nil || c.err != "" && (!errors.As(err, &late) || late.Report() != c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				if took := time.Since(start); took != c.after {
					t.Errorf("took %v, want %v", took, c.after)
				}
				if s := r.State(); len(s.Guests) != 0 {
					t.Errorf("left in the ledger: %+v", s.Guests)
				}
			})
		})
	}
}

func exit(t *testing.T, g *hvcalltest.Guest, e hvcall.Exit) {
	t.Helper()
	if err := g.Conn().SendExit(t.Context(), e); err != nil {
		t.Error(err)
	}
}

func TestShutdown(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, vm, guest := r.boot(GuestSpec{})
		go func() {
			s, err := guest.Shutdowns.Wait(t.Context(), nil)
			if err != nil || s.Within != 5*time.Second {
				t.Errorf("asked %+v, %v", s, err)
			}
			time.Sleep(4 * time.Second)
			exit(t, guest, hvcall.Exit{Cause: hvcall.CauseShutdown, Code: 143, Signal: 15})
			powerOff(vm)
		}()
		start := time.Now()
		if err := g.Shutdown(t.Context(), 5*time.Second); err != nil || time.Since(start) != 4*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if e, err := g.Wait(); err != nil || e.Code != 143 {
			t.Errorf("%+v, %v", e, err)
		}
		if err := g.Shutdown(t.Context(), time.Second); err != nil {
			t.Errorf("of a guest that has ended: %v", err)
		}
	})
}

func TestShutdownOfAStubbornGuest(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, _, _ := r.boot(GuestSpec{})
		start := time.Now()
		if err := g.Shutdown(t.Context(), 5*time.Second); !errors.Is(err, ErrKilled) || time.Since(start) != 5*time.Second+shutdownGrace {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if e, err := g.Wait(); err != nil || e.Code != CodeKilled || e.Text != "killed by the host: it did not end within 5s" {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestShutdownOfAGuestThatCannotBeAsked(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, err := r.Start(t.Context(), GuestSpec{Name: "booting"})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := g.Shutdown(t.Context(), 5*time.Second); err != nil || time.Since(start) != 0 {
			t.Errorf("before hello, after %v: %v", time.Since(start), err)
		}
		r.manner.RefuseEnd = true
		g, _, _ = r.boot(GuestSpec{Name: "refuses"})
		if err := g.Shutdown(t.Context(), 5*time.Second); err != nil || time.Since(start) != 0 {
			t.Errorf("refused, after %v: %v", time.Since(start), err)
		}
		if e, _ := g.Wait(); !strings.Contains(e.Text, "does not end") {
			t.Errorf("%+v", e)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			vm, guest := r.last()
			if _, err := guest.SayHello(t.Context()); err != nil {
				t.Error(err)
			}
			cancel()
			if _, err := guest.Shutdowns.Wait(t.Context(), nil); err != nil {
				t.Error(err)
			}
			exit(t, guest, hvcall.Exit{Cause: hvcall.CauseShutdown})
			powerOff(vm)
		}()
		e, err := r.Run(ctx, GuestSpec{})
		if err != nil || e.Cause != hvcall.CauseShutdown {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestCloseKillsAll(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		a, _, _ := r.boot(GuestSpec{Memory: Memory{Max: 64 * mib}})
		b, _, _ := r.boot(GuestSpec{Memory: Memory{Max: 64 * mib}})
		waits := make(chan error)
		go func() {
			_, err := r.Start(t.Context(), GuestSpec{CPU: CPU{MinMilli: 1500}, Name: "no room yet"})
			waits <- err
		}()
		r.demand(func() *hvcalltest.Guest { _, g := r.last(); return g }(), 64*mib, 2000)
		synctest.Wait()
		go r.Close()
		if err := <-waits; err == nil && len(r.vms) < 3 {
			t.Error("a guest that waited was started")
		}
		for _, g := range []*Guest{a, b} {
			if e, err := g.Wait(); err != nil || e.Code != CodeKilled {
				t.Errorf("%+v, %v", e, err)
			}
		}
		r.Close()
		if _, err := r.Start(t.Context(), GuestSpec{}); !errors.Is(err, ErrClosed) {
			t.Errorf("start after close: %v", err)
		}
		if s := r.State(); s.Guests != nil {
			t.Errorf("state after close: %+v", s)
		}
	})
}
