package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// only returns the actions of one type.
func only[A Action](actions []Action) (some []A) {
	for _, a := range actions {
		if a, ok := a.(A); ok {
			some = append(some, a)
		}
	}
	return some
}

func movable(boot, most int64) Bounds {
	return Bounds{Boot: boot, Max: most, MinMilli: 500, MaxMilli: 2000}
}

// Room is reserved before a guest comes, or refused at once; it counts as held, and is free again when the guest does
// not come.
func TestReserve(t *testing.T) {
	b := New(Config{Capacity: Capacity{Memory: 1 << 30, MilliCPU: 2000}})
	if a := only[Admit](b.Step(1, []Event{Reserve{"a", movable(64<<20, 900<<20), 600 << 20}})); len(a) != 1 {
		t.Fatal("no room")
	}
	for _, c := range []struct {
		e   Reserve
		why string
	}{
		{Reserve{"b", movable(64<<20, 900<<20), 600 << 20}, "free"}, {Reserve{"a", movable(64<<20, 900<<20), 1 << 20}, "already"},
		{Reserve{"b", Bounds{Boot: 64 << 20, MinMilli: 1800, MaxMilli: 2000}, 1 << 20}, "mCPU"}, {Reserve{Guest: "b"}, "positive"},
	} {
		if r := only[Refuse](b.Step(2, []Event{c.e})); len(r) != 1 || !strings.Contains(r[0].Why, c.why) {
			t.Errorf("%+v: %v", c.e, r)
		}
	}
	// What is guaranteed to nobody else does not go to others meanwhile.
	b.Step(3, []Event{GuestAdded{"c", movable(64<<20, 1<<30)}, Connected{"c"}})
	actions := b.Step(4, []Event{Connected{"c"}, Demanded{"c", hvcall.Demand{Revision: 1, Memory: 1 << 30, MilliCPU: 500}}})
	for _, r := range only[Resize](actions) {
		if r.Guest != "c" || r.Total > (1<<30)-(600<<20) {
			t.Errorf("%v, with 600 MiB reserved", r)
		}
	}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	b.Step(5, []Event{GuestGone{"c"}, GuestGone{"a"}})
	if a := only[Admit](b.Step(6, []Event{Reserve{"b", movable(64<<20, 900<<20), 900 << 20}})); len(a) != 1 {
		t.Error("the room of a guest that did not come is not free again")
	}
}

// One that has arrived holds what it came with and goes on like any other.
func TestArrived(t *testing.T) {
	b := New(Config{Capacity: Capacity{Memory: 2 << 30, MilliCPU: 4000}})
	b.Step(1, []Event{Reserve{"a", movable(64<<20, 1<<30), 512 << 20}})
	if g := b.known("a"); g.Memory.Upper != 512<<20 || g.Memory.Moving != MovingComing {
		t.Fatalf("reserved %+v", g.Memory)
	}
	b.Step(2, []Event{Arrived{"a", 128 << 20, 128 << 20, 2000, 1000}})
	g := b.known("a")
	if g.Memory.Upper != 128<<20 || g.Memory.Firm != 128<<20 || g.CPU.Upper() != 2000 || g.Memory.Moving != MovingNot {
		t.Errorf("arrived %+v %+v", g.Memory, g.CPU)
	}
	grants := only[SendGrant](b.Step(3, []Event{Connected{"a"}}))
	if len(grants) != 1 || grants[0].Grant.Serial < 1000 {
		t.Errorf("granted %v", grants)
	}
	actions := b.Step(4, []Event{Demanded{"a", hvcall.Demand{Revision: 77, Memory: 700 << 20, MilliCPU: 1000}}})
	if r := only[Resize](actions); len(r) != 1 || r[0].Total != 700<<20 {
		t.Errorf("%v", actions)
	}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
}

// frozen is a guest whose size is, on a host with much or little room.
func frozen(t *testing.T, capacity int64) *Broker {
	t.Helper()
	b := New(Config{Capacity: Capacity{Memory: capacity, MilliCPU: 4000}})
	b.Step(1, []Event{GuestAdded{"a", movable(64<<20, 1<<30)}})
	b.Step(2, []Event{Connected{"a"}})
	r := only[Resize](b.Step(3, []Event{Demanded{"a", hvcall.Demand{Revision: 1, Memory: 128 << 20, MilliCPU: 500}}}))
	b.Step(4, []Event{Plugged{"a", r[0].Op, 128 << 20}})
	b.Step(5, []Event{Freeze{"a"}})
	return b
}

// A frozen guest is told no size, up or down; a little more that it wants is no burst; what waits is one, where its host has
// the memory, and is said once.
func TestFreeze(t *testing.T) {
	b := frozen(t, 2<<30)
	for i, d := range []hvcall.Demand{{Memory: 140 << 20}, {Memory: 100 << 20}} {
		d.Revision, d.MilliCPU = uint64(2+i), 500
		if a := b.Step(time.Duration(6+i), []Event{Demanded{"a", d}}); len(only[Resize](a))+len(only[Burst](a)) != 0 {
			t.Errorf("%v", a)
		}
	}
	stalled := hvcall.Demand{Revision: 10, Memory: 140 << 20, MilliCPU: 500, Urgency: hvcall.UrgencyStalled}
	if a := only[Burst](b.Step(10, []Event{Demanded{"a", stalled}})); len(a) != 1 {
		t.Errorf("a thread waits: %v", a)
	}
	stalled.Revision++
	if a := b.Step(11, []Event{Demanded{"a", stalled}}); len(only[Burst](a))+len(only[Resize](a)) != 0 {
		t.Errorf("again: %v", a)
	}
	if a := only[Resize](b.Step(12, []Event{Thaw{"a"}})); len(a) != 1 || a[0].Total != 140<<20 {
		t.Errorf("it stays, and gets %v", a)
	}
	full := frozen(t, 128<<20)
	stalled.Memory = 512 << 20
	if a := only[Burst](full.Step(10, []Event{Demanded{"a", stalled}})); len(a) != 0 {
		t.Errorf("the host has nothing for it: %v", a)
	}
	for _, b := range []*Broker{b, full} {
		if err := b.Check(); err != nil {
			t.Error(err)
		}
	}
}

// The further above the watermark, the sooner a guest is named; of those whose leaving is enough it is the one that uses least,
// whatever it holds.
func TestNamedSooner(t *testing.T) {
	const at = 10 * time.Second
	for wants, after := range map[int64]time.Duration{
		1200 << 20: 727 * time.Millisecond, // an eighth of what there is in excess is 1 s, a quarter half of that
		1280 << 20: 500 * time.Millisecond,
		1900 << 20: 250 * time.Millisecond,
	} {
		b := New(Config{Capacity: Capacity{Memory: 1 << 30, MilliCPU: 4000}, MoveAfter: time.Second})
		b.Step(1, []Event{GuestAdded{"holds", movable(64<<20, 4<<30)}, GuestAdded{"wants", movable(64<<20, 4<<30)}, PeerSeen{"peer", Room{1 << 40, 1 << 20}}})
		b.Step(2, []Event{Connected{"holds"}, Connected{"wants"}})
		demand := func(id GuestID, revision uint64, bytes int64) Event {
			return Demanded{id, hvcall.Demand{Revision: revision, Memory: uint64(bytes), MilliCPU: 500}}
		}
		b.Step(at-5*time.Second, []Event{demand("holds", 1, 400<<20), PeerSeen{"peer", Room{1 << 40, 1 << 20}}})
		b.Step(at, []Event{demand("wants", 1, wants-400<<20)})
		next := at
		for named := false; !named; {
			now, ok := b.NextWake()
			if !ok || now > at+2*time.Second {
				t.Fatalf("%d MiB: nobody is named", wants>>20)
			}
			next = now
			named = len(only[ProposeMove](b.Step(now, nil))) > 0
		}
		if took := (next - at).Round(time.Millisecond); took != after {
			t.Errorf("%d MiB: named after %v, want %v", wants>>20, took, after)
		}
	}
}

// A guest that holds more than another and uses less of it is the one that moves.
func TestUnusedMovesFirst(t *testing.T) {
	b := New(Config{Capacity: Capacity{Memory: 1 << 30, MilliCPU: 4000}, MoveAfter: time.Second})
	b.Step(1, []Event{GuestAdded{"idle", movable(384<<20, 1<<30)}, GuestAdded{"busy", movable(320<<20, 1<<30)}, PeerSeen{"peer", Room{1 << 40, 1 << 20}}})
	b.Step(2, []Event{Connected{"idle"}, Connected{"busy"}})
	b.Step(3, []Event{Used{"idle", 300 << 20, -1}, Used{"busy", 0, -1}})
	b.Step(4, []Event{
		Demanded{"idle", hvcall.Demand{Revision: 1, Memory: 600 << 20, MilliCPU: 500}},
		Demanded{"busy", hvcall.Demand{Revision: 1, Memory: 600 << 20, MilliCPU: 500}}})
	if m := only[ProposeMove](b.Step(2*time.Second, nil)); len(m) != 1 || m[0].Guest != "idle" {
		t.Errorf("%v", m)
	}
}

// A guest that cannot move is not named, nor one that does already.
func TestFixedStay(t *testing.T) {
	b := New(Config{Capacity: Capacity{Memory: 256 << 20, MilliCPU: 4000}, MoveAfter: time.Second})
	fixed := movable(64<<20, 1<<30)
	fixed.Fixed = true
	b.Step(1, []Event{GuestAdded{"fixed", fixed}, GuestAdded{"free", movable(64<<20, 1<<30)}, PeerSeen{"peer", Room{1 << 40, 1 << 20}}})
	b.Step(2, []Event{Connected{"fixed"}, Connected{"free"}})
	b.Step(3, []Event{
		Demanded{"fixed", hvcall.Demand{Revision: 1, Memory: 1 << 30, MilliCPU: 500}},
		Demanded{"free", hvcall.Demand{Revision: 1, Memory: 256 << 20, MilliCPU: 500}}})
	if m := only[ProposeMove](b.Step(2*time.Second, nil)); len(m) != 1 || m[0].Guest != "free" || m[0].To != "peer" {
		t.Errorf("%v", m)
	}
	b.Step(3*time.Second, []Event{Freeze{"free"}})
	if m := only[ProposeMove](b.Step(20*time.Second, []Event{PeerSeen{"peer", Room{1 << 40, 1 << 20}}})); len(m) != 0 {
		t.Errorf("%v", m)
	}
}
