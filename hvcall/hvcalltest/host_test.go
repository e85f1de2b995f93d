package hvcalltest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/silo-os/silo/hvcall"
)

const mib = 1 << 20

// guestOf is a guest of this package over a real connection to host: each fake tests the other.
func guestOf(t *testing.T, cfg HostConfig) (*Guest, *Host) {
	rw, host := StartHost(t, cfg)
	g := NewGuest(rw, GuestConfig{})
	keepServing(t, g.Serve)
	return g, host
}

func demand(t *testing.T, g *Guest, memory uint64, milli uint32) hvcall.Demand {
	t.Helper()
	d, err := g.Demand(hvcall.Demand{Memory: memory, MilliCPU: milli})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPolicies(t *testing.T) {
	bounds := Bounds{hvcall.MemoryBounds{Boot: 64 * mib, Max: 1024 * mib}, hvcall.CPUBounds{MinMilli: 1000, MaxMilli: 4000}}
	now := hvcall.Grant{Memory: 256 * mib, MilliCPU: 2000}
	cases := []struct {
		name   string
		policy Policy
		memory uint64
		milli  uint32
		want   hvcall.Grant
		delay  time.Duration
	}{
		{"all", GrantAll, 512 * mib, 3000, hvcall.Grant{Memory: 512 * mib, MilliCPU: 3000}, 0},
		{"above the maximum", GrantAll, 2048 * mib, 9000,
			hvcall.Grant{Memory: 1024 * mib, MilliCPU: 4000, Limit: hvcall.LimitMaximum}, 0},
		{"below what boot gave", GrantAll, mib, 10, hvcall.Grant{Memory: 64 * mib, MilliCPU: 1000}, 0},
		{"refuse", Refuse, 512 * mib, 1000, hvcall.Grant{Memory: 256 * mib, MilliCPU: 1000, Limit: hvcall.LimitHost}, 0},
		{"refuse a vCPU", Refuse, 128 * mib, 3000, hvcall.Grant{Memory: 128 * mib, MilliCPU: 2000, Limit: hvcall.LimitHost}, 0},
		{"refuse nothing", Refuse, 128 * mib, 2000, hvcall.Grant{Memory: 128 * mib, MilliCPU: 2000}, 0},
		{"up to", UpTo(300*mib, GrantAll), 512 * mib, 1000,
			hvcall.Grant{Memory: 300 * mib, MilliCPU: 1000, Limit: hvcall.LimitHost}, 0},
		{"after", After(time.Second, After(time.Minute, GrantAll)), 512 * mib, 1000,
			hvcall.Grant{Memory: 512 * mib, MilliCPU: 1000}, 61 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, delay := c.policy(hvcall.Demand{Memory: c.memory, MilliCPU: c.milli}, now, bounds)
			if got != c.want || delay != c.delay {
				t.Errorf("%+v after %v\nwant %+v after %v", got, delay, c.want, c.delay)
			}
		})
	}
}

func TestHostGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{})
		w, err := g.SayHello(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := DefaultWelcome()
		if diff := cmp.Diff(want, w); diff != "" {
			t.Error(diff)
		}
		d := demand(t, g, 512*mib, 2000)
		got, err := g.Grants.Wait(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := (hvcall.Grant{Serial: 2, Revision: d.Revision, Memory: 512 * mib, MilliCPU: 2000}); got != want {
			t.Errorf("granted %+v, want %+v", got, want)
		}
		// The guest did it and told; both sides agree.
		if _, err := host.Usages.Wait(t.Context(), func(u hvcall.Usage) bool { return u.Applied == got.Serial }); err != nil {
			t.Error(err)
		}
		if g.Holding() != host.Now() {
			t.Errorf("the guest holds %+v, the host granted %+v", g.Holding(), host.Now())
		}
	})
}

// TestHostDelays: answers take as long as the policy says, on the bubble's clock, in order.
func TestHostDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{Policy: InTurn(After(time.Minute, GrantAll), Refuse, GrantAll)})
		start := time.Now()
		slow := demand(t, g, 512*mib, 1000)
		demand(t, g, 768*mib, 1000) // refused at once, before the first is answered
		first, _ := g.Grants.Wait(t.Context(), nil)
		if first.Limit != hvcall.LimitHost || first.Memory != 64*mib || time.Since(start) != 0 {
			t.Errorf("refusal %+v after %v", first, time.Since(start))
		}
		late, err := g.Grants.Wait(t.Context(), func(g hvcall.Grant) bool { return g.Revision == slow.Revision })
		if err != nil || late.Memory != 512*mib || time.Since(start) != time.Minute {
			t.Errorf("late grant %+v after %v, %v", late, time.Since(start), err)
		}
		host.SetPolicy(UpTo(600*mib, GrantAll))
		third := demand(t, g, 768*mib, 1000)
		got, err := g.Grants.Wait(t.Context(), func(g hvcall.Grant) bool { return g.Revision == third.Revision })
		if err != nil || got.Memory != 600*mib {
			t.Errorf("third grant %+v, %v", got, err)
		}
		for i, g := range host.Granted.All() {
			if g.Serial != uint64(i+2) {
				t.Errorf("grant %d has serial %d", i, g.Serial)
			}
		}
	})
}

func TestHostShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{})
		demand(t, g, 512*mib, 1000)
		if _, err := host.Usages.Wait(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		host.Shrink(128*mib, 250*time.Millisecond)
		got, err := g.Grants.WaitFrom(t.Context(), 1, nil)
		if err != nil || got.Memory != 128*mib || got.Within != 250 || got.Limit != hvcall.LimitReclaim {
			t.Errorf("shrink %+v, %v", got, err)
		}
		host.Grant(hvcall.Grant{Memory: 256 * mib, MilliCPU: 1000})
		synctest.Wait()
		if g.Holding().Memory != 256*mib || g.Holding().Serial != 4 {
			t.Errorf("the guest holds %+v", g.Holding())
		}
	})
}

// TestHostJournals: each statement and call ends up in its journal.
func TestHostJournals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{})
		c := g.Conn()
		exit := hvcall.Exit{Cause: hvcall.CausePanic, Code: 2, Text: "panic: boom"}
		if clock, err := c.AskTime(t.Context()); err != nil || clock.UnixNanos != uint64(wallClock().UnixNano()) {
			t.Errorf("clock %+v, %v", clock, err)
		}
		for _, err := range []error{c.SendReady(), c.SendLog(hvcall.StreamErr, []byte("boom")), c.SendExit(t.Context(), exit)} {
			if err != nil {
				t.Error(err)
			}
		}
		if host.Readies.Len() != 1 {
			t.Errorf("%d readies", host.Readies.Len())
		}
		if l, _ := host.Logs.Last(); l.Stream != hvcall.StreamErr || string(l.Data) != "boom" {
			t.Errorf("log %+v", l)
		}
		if e, _ := host.Exits.Last(); e != exit {
			t.Errorf("exit %+v", e)
		}
	})
}

// TestHostRefuses: what a host cannot read is counted, and the conversation goes on.
func TestHostRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{})
		if err := g.Conn().Send(hvcall.OpDemand, []byte("short")); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Conn().Call(t.Context(), hvcall.Op(4711), nil); err == nil {
			t.Error("an unknown call was answered")
		}
		if _, err := g.Conn().Call(t.Context(), hvcall.OpHello, []byte("{}")); err == nil {
			t.Error("a bad Hello was answered")
		}
		if n := host.Refused.Len(); n != 3 {
			t.Errorf("%d refusals, want 3: %v", n, host.Refused.All())
		}
		if _, err := g.SayHello(t.Context()); err != nil {
			t.Errorf("hello after refusals: %v", err)
		}
	})
}

// TestHelloAgain: after a gap a guest hears what it may hold now, not at boot.
func TestHelloAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guestOf(t, HostConfig{})
		demand(t, g, 512*mib, 3000)
		synctest.Wait()
		w, err := g.SayHello(t.Context())
		if want := (hvcall.GrantJSON{Serial: 2, Memory: 512 * mib, MilliCPU: 3000}); err != nil || w.Grant != want {
			t.Errorf("grant %+v, %v; want %+v", w.Grant, err, want)
		}
	})
}

func TestJournalWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j Journal[int]
		for i := range 3 {
			j.add(i)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := j.Wait(ctx, func(v int) bool { return v > 2 })
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "after 3, the last 2") {
			t.Errorf("wait: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			j.add(7)
		}()
		if v, err := j.WaitFrom(t.Context(), j.Len(), nil); v != 7 || err != nil {
			t.Errorf("wait for the next: %d, %v", v, err)
		}
		if v, err := j.Wait(t.Context(), func(v int) bool { return v == 1 }); v != 1 || err != nil {
			t.Errorf("wait for an old one: %d, %v", v, err)
		}
	})
}
