package broker

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// crowdedHost is two processors with three stores that want them both and a guest that wants them, too, and says that it cannot
// live with less.
type crowdedHost struct {
	t   *testing.T
	b   *Broker
	now time.Duration
}

func newCrowdedHost(t *testing.T) *crowdedHost {
	h := &crowdedHost{t: t, b: New(Config{Capacity: Capacity{Memory: 1 << 30, MilliCPU: 2000}})}
	for i := range 3 {
		h.start(GuestID(fmt.Sprint("kv-", i)), Bounds{Boot: 64 << 20, Max: 256 << 20, MinMilli: 500, MaxMilli: 2000}, hvcall.Demand{Memory: 64 << 20, MilliCPU: 2000})
	}
	h.start("bad", Bounds{Boot: 64 << 20, Max: 256 << 20, MinMilli: 50, MaxMilli: 2000, Weight: 5},
		hvcall.Demand{Memory: 64 << 20, MilliCPU: 2000, MilliCPUFloor: 2000, Urgency: hvcall.UrgencyStalled})
	h.work(3*time.Second, 600)
	return h
}

func (h *crowdedHost) start(id GuestID, bounds Bounds, d hvcall.Demand) {
	d.Revision = 1
	h.step(GuestAdded{id, bounds})
	h.step(Connected{id})
	h.step(Demanded{id, d})
}

// step has the broker step. All but the bad guest do at once as they are told.
func (h *crowdedHost) step(events ...Event) {
	h.t.Helper()
	for _, a := range h.b.Step(h.now, events) {
		if g, ok := a.(SendGrant); ok && g.Guest != "bad" {
			defer h.step(Applied{g.Guest, g.Grant.Serial})
		}
	}
	check(h.t, h.b)
}

// work has time pass in which each store uses so much.
func (h *crowdedHost) work(long time.Duration, used int64) {
	h.t.Helper()
	for end := h.now + long; h.now < end; {
		h.now += 250 * time.Millisecond
		for i := range 3 {
			h.step(Ran{Guest: GuestID(fmt.Sprint("kv-", i)), Used: used, Wanted: used})
		}
		h.step(Ran{Guest: "bad", Used: 1000, Wanted: 2000})
	}
}

// misbehave is work while the bad guest is seen to misbehave.
func (h *crowdedHost) misbehave(long time.Duration, used int64) {
	h.t.Helper()
	for end := h.now + long; h.now < end; {
		h.step(Misbehaved{"bad", "test"})
		h.work(250*time.Millisecond, used)
	}
}

// shares are what the stores have together and what the bad guest may use.
func (h *crowdedHost) shares() (stores, bad int64) {
	for _, g := range h.b.State().Guests {
		if g.ID == "bad" {
			bad = g.CPU.Upper()
		} else {
			stores += g.CPU.Granted
		}
	}
	return stores, bad
}

// TestConduct: beside others a guest that misbehaves has next to nothing, at once and whatever it says; what they leave is
// its own; and when it has been calm it has what it had.
func TestConduct(t *testing.T) {
	h := newCrowdedHost(t)
	if stores, bad := h.shares(); stores < 1900 || bad > 100 {
		t.Errorf("before: the stores have %d, who wants to be believed %d", stores, bad)
	}
	_, had := h.shares()
	h.misbehave(time.Second, 600)
	if stores, bad := h.shares(); stores < 1990 || bad > lastMilli {
		t.Errorf("misbehaving: the stores have %d, it %d", stores, bad)
	}
	h.misbehave(5*time.Second, 0)
	if _, bad := h.shares(); bad < 500 {
		t.Errorf("beside idle stores it has %d", bad)
	}
	h.misbehave(5*time.Second, 600)
	if stores, bad := h.shares(); stores < 1990 || bad > lastMilli {
		t.Errorf("beside busy ones again: the stores have %d, it %d", stores, bad)
	}
	h.work(calmLeast-time.Second, 600)
	if _, bad := h.shares(); bad > lastMilli {
		t.Errorf("calm for a while: it has %d", bad)
	}
	h.work(4*time.Second, 600)
	if _, bad := h.shares(); bad != had {
		t.Errorf("calm: it has %d, before %d", bad, had)
	}
}

// TestConductLast: who is calm only to begin again must be calm for longer, up to a bound; the dump has it all.
func TestConductLast(t *testing.T) {
	var c Conduct
	now := time.Duration(0)
	for i, want := range []time.Duration{calmLeast, 2 * calmLeast, 4 * calmLeast, calmMost, calmMost} {
		c = c.seen(now).seen(now + time.Second)
		if now += time.Second; c.Wait != want || c.after(now+want-1) != c || c.after(now+want).Bad {
			t.Errorf("the %d. time: %+v at %v, want %v", i+1, c, now, want)
		}
		now += want
		c = c.after(now)
	}
	if c = c.seen(now + 2*calmMost); c.Wait != calmLeast {
		t.Errorf("after a long while: %+v", c)
	}
	h := newCrowdedHost(t)
	h.misbehave(time.Second, 600)
	var s State
	if err := json.Unmarshal([]byte(dump(h.b)), &s); err != nil {
		t.Fatal(err)
	}
	h.b = Restore(h.b.cfg, s)
	h.work(2*time.Second, 600)
	if _, bad := h.shares(); bad > lastMilli || !h.b.known("bad").Conduct.Bad {
		t.Errorf("after a restart it has %d", bad)
	}
	h.work(calmLeast, 600)
	if h.b.known("bad").Conduct.Bad {
		t.Error("not forgiven after a restart")
	}
}

// TestOnlyWhoSpeaksMisbehaves: a guest that has not said Hello, or is not here, cannot.
func TestOnlyWhoSpeaksMisbehaves(t *testing.T) {
	b := New(Config{Capacity: Capacity{Memory: 1 << 30, MilliCPU: 2000}})
	b.Step(0, []Event{GuestAdded{"a", Bounds{Boot: 64 << 20}}, Misbehaved{"a", "test"}, Misbehaved{"b", "test"}})
	check(t, b)
	if b.known("a").Conduct != (Conduct{}) {
		t.Errorf("%+v", b.known("a").Conduct)
	}
}
