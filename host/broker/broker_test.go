package broker

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/silo-os/silo/hvcall"
	"pgregory.net/rapid"
)

// TestLedgerHolds lets anything happen in any order: after every step the ledger must be sound and hold the
// truth, and once the world behaves every demand that can be met is met.
func TestLedgerHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"add":     w.add,
			"hello":   func(t *rapid.T) { w.step(t, Connected{w.pick(t, anyone).id}); w.greet(t) },
			"demand":  w.demand,
			"repeat":  func(t *rapid.T) { v := w.pick(t, hello); w.mustBeQuiet(t, Demanded{v.id, v.demand}) },
			"old":     w.old,
			"read":    func(t *rapid.T) { w.pick(t, hello).read(rapid.IntRange(1, 3).Draw(t, "grants")); w.checkTruth(t) },
			"applied": func(t *rapid.T) { v := w.pick(t, hello); w.step(t, Applied{v.id, v.using.Serial}) },
			"tell":    func(t *rapid.T) { w.pick(t, hello).tell() },
			"drift":   func(t *rapid.T) { w.pick(t, hello).drift(rapid.Int64Range(1, 500).Draw(t, "blocks")); w.checkTruth(t) },
			"answer":  w.answer,
			"fail":    w.fail,
			"under way": func(t *rapid.T) {
				v := w.pick(t, func(v *vm) bool { return v.op != 0 })
				w.step(t, Plugging{v.id, v.op, v.size})
			},
			"used": func(t *rapid.T) {
				idle, resident := rapid.Int64Range(0, 1<<32).Draw(t, "idle"), rapid.Int64Range(-1, 1<<32).Draw(t, "resident")
				w.step(t, Used{w.pick(t, anyone).id, idle, resident})
			},
			"bounds": func(t *rapid.T) { w.step(t, BoundsChanged{w.pick(t, anyone).id, drawBounds(t)}) },
			"peer": func(t *rapid.T) {
				w.step(t, PeerSeen{rapid.SampledFrom([]string{"x", "y"}).Draw(t, "peer"), Room{rapid.Int64Range(0, 1<<31).Draw(t, "room"), 1000}})
			},
			"ran": func(t *rapid.T) {
				w.lent = true
				w.step(t, Ran{Guest: w.pick(t, anyone).id, Used: rapid.Int64Range(0, 5000).Draw(t, "used"), Steal: rapid.Int64Range(-1, 1001).Draw(t, "steal"), Wanted: rapid.Int64Range(0, 5000).Draw(t, "wanted")})
			},
			"misbehave": func(t *rapid.T) { w.step(t, Misbehaved{w.pick(t, anyone).id, "test"}) },
			"stale":     func(t *rapid.T) { w.step(t, Plugged{w.pick(t, anyone).id, 0, 1 << 40}) },
			"gone":      w.gone,
			"time":      w.pass,
			"restart":   w.restart,
		})
		w.settle(t)
	})
}

func hello(v *vm) bool { return v.hello }
func anyone(*vm) bool  { return true }

// pick draws a guest, or skips the action where there is none of that kind.
func (w *world) pick(t *rapid.T, kind func(*vm) bool) *vm {
	var vs []*vm
	for _, v := range w.guests {
		if kind(v) {
			vs = append(vs, v)
		}
	}
	if len(vs) == 0 {
		t.Skip("no such guest")
	}
	return vs[rapid.IntRange(0, len(vs)-1).Draw(t, "guest")]
}

func (w *world) add(t *rapid.T) {
	w.names++
	v := &vm{id: GuestID(fmt.Sprint("g", w.names))}
	w.guests = append(w.guests, v)
	w.step(t, GuestAdded{v.id, drawBounds(t)})
}

func drawBounds(t *rapid.T) Bounds {
	return Bounds{
		Boot: rapid.Int64Range(1, 64).Draw(t, "boot") << 20, Min: rapid.Int64Range(0, 256).Draw(t, "min") << 20,
		Max: rapid.Int64Range(0, 4096).Draw(t, "max") << 20, MinMilli: rapid.Int64Range(0, 1500).Draw(t, "mincpu"),
		MaxMilli: rapid.Int64Range(0, 4000).Draw(t, "maxcpu"), Weight: rapid.Uint32Range(0, 200).Draw(t, "weight"),
	}
}

func (w *world) greet(*rapid.T) {
	for _, v := range w.guests {
		g, _ := w.b.Guest(v.id)
		v.hello = g.Phase == PhaseRunning
	}
}

func (w *world) demand(t *rapid.T) {
	v := w.pick(t, hello)
	d := hvcall.Demand{
		Revision: v.demand.Revision + rapid.Uint64Range(1, 3).Draw(t, "revision"), Memory: rapid.Uint64Range(0, 4096<<20).Draw(t, "memory"),
		MilliCPU: rapid.Uint32Range(0, 5000).Draw(t, "milli"), Urgency: hvcall.Urgency(rapid.IntRange(0, 3).Draw(t, "urgency")),
		Applied: v.using.Serial,
	}
	d.Floor = rapid.Uint64Range(0, d.Memory).Draw(t, "floor")
	d.MilliCPUFloor = rapid.Uint32Range(0, d.MilliCPU).Draw(t, "cpufloor")
	v.demand = d
	w.step(t, Demanded{v.id, d})
}

func (w *world) old(t *rapid.T) {
	v := w.pick(t, func(v *vm) bool { return v.demand.Revision > 0 })
	d := hvcall.Demand{Revision: rapid.Uint64Range(0, v.demand.Revision-1).Draw(t, "revision"), Memory: 1 << 40, MilliCPU: 1}
	w.mustBeQuiet(t, Demanded{v.id, d})
}

// mustBeQuiet checks that an event changes nothing beyond what a step without it would.
func (w *world) mustBeQuiet(t *rapid.T, e Event) {
	w.step(t)
	before := w.b.State()
	w.step(t, e)
	if d := cmp.Diff(before, w.b.State()); d != "" {
		t.Fatalf("%T %+v changed something\n%s", e, e, d)
	}
}

func (w *world) answer(t *rapid.T) {
	w.answerOf(t, w.pick(t, func(v *vm) bool { return v.op != 0 }))
}

func (w *world) answerOf(t *rapid.T, v *vm) {
	e := Plugged{v.id, v.op, v.size}
	v.op = 0
	w.step(t, e)
}

func (w *world) fail(t *rapid.T) {
	v := w.pick(t, func(v *vm) bool { return v.op != 0 })
	e := ResizeFailed{v.id, v.op, "broken"}
	v.op = 0
	w.step(t, e)
}

func (w *world) gone(t *rapid.T) { w.end(t, w.pick(t, anyone)) }

func (w *world) end(t *rapid.T, v *vm) {
	for i, o := range w.guests {
		if o == v {
			w.guests = append(w.guests[:i], w.guests[i+1:]...)
			break
		}
	}
	w.step(t, GuestGone{v.id})
}

func (w *world) pass(t *rapid.T) {
	w.now += time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "pass"))
	w.step(t)
}

// restart puts a broker made from the dump in the old one's place: the dump must be everything.
func (w *world) restart(t *rapid.T) {
	var s State
	if err := json.Unmarshal([]byte(dump(w.b)), &s); err != nil {
		t.Fatal(err)
	}
	n := Restore(w.b.cfg, s)
	if old, same := w.b.State(), n.State(); !reflect.DeepEqual(old.Capacity, same.Capacity) || dump(n) != dump(w.b) {
		t.Fatalf("the dump is not everything\n%s", cmp.Diff(old, same))
	}
	w.b = n
}

// settle lets devices and guests do as they are told until nothing happens any more.
func (w *world) settle(t *rapid.T) {
	for range 10_000 {
		if w.obey(t) {
			continue
		}
		at, ok := w.b.NextWake()
		if !ok {
			w.checkSettled(t)
			return
		}
		w.now = at
		w.step(t)
	}
	t.Fatalf("does not come to rest\n%s", dump(w.b))
}

// obey does the next thing that a device or a guest was told; false when there is none.
func (w *world) obey(t *rapid.T) bool {
	for _, v := range w.guests {
		switch {
		case v.killed:
			w.end(t, v)
		case v.admitted && !v.hello:
			v.hello = true
			w.step(t, Connected{v.id})
		case v.tell():
		case v.op != 0:
			v.drift(1 << 40)
			w.answerOf(t, v)
		case v.read(1):
			w.step(t, Applied{v.id, v.using.Serial})
		default:
			continue
		}
		return true
	}
	return false
}

// checkSettled: what can be met is met, and what cannot is at least not idle.
func (w *world) checkSettled(t *rapid.T) {
	s := w.b.State()
	var want, low, milli, lowMilli int64
	for _, g := range s.Guests {
		want, low = want+g.Memory.Want, low+max(g.Bounds.Min, g.Memory.Floor)
		milli, lowMilli = milli+g.CPU.Want, lowMilli+g.Bounds.MinMilli
	}
	for _, g := range s.Guests {
		if g.Phase == PhaseWaiting && low <= s.Capacity.usable() && lowMilli <= s.Capacity.MilliCPU {
			t.Fatalf("%s still waits to boot\n%s", g.ID, dump(w.b))
		}
		if g.Phase == PhaseWaiting {
			continue
		}
		switch v := w.find(g.ID); {
		case want <= s.Capacity.usable() && (v.size != g.Memory.Want || int64(v.using.Memory) != g.Memory.Want):
			t.Fatalf("%s wants %s, holds %s and was granted %s\n%s", g.ID, size(g.Memory.Want), size(v.size), size(int64(v.using.Memory)), dump(w.b))
		case milli <= s.Capacity.MilliCPU && int64(v.using.MilliCPU) != g.CPU.Want:
			t.Fatalf("%s wants %d mCPU and was granted %d\n%s", g.ID, g.CPU.Want, v.using.MilliCPU, dump(w.b))
		case low <= s.Capacity.usable() && v.size != g.Memory.Target:
			t.Fatalf("%s should have %s and holds %s\n%s", g.ID, size(g.Memory.Target), size(v.size), dump(w.b))
		case v.using.Revision != v.demand.Revision:
			t.Fatalf("%s: demand %d is not answered\n%s", g.ID, v.demand.Revision, dump(w.b))
		}
	}
}
