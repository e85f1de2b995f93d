package broker

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// TestAdoptGrantsNothingTwice: whatever guests held when a broker ended, the next one has it in its ledger, takes
// nothing of it away as long as it fits, and gives none of it to others.
func TestAdoptGrantsNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const block = 4 << 20
		capacity := rapid.Int64Range(64, 512).Draw(t, "blocks") * block
		b := New(Config{Capacity: Capacity{Memory: capacity, MilliCPU: 4000}})
		var held int64
		names := []GuestID{"a", "b", "c"}
		for _, id := range names {
			plugged := rapid.Int64Range(16, 64).Draw(t, "plugged") * block
			requested := rapid.Int64Range(16, 64).Draw(t, "requested") * block
			b.Step(1, []Event{Adopted{Guest: id, Bounds: Bounds{Boot: 16 * block, Max: 64 * block, MaxMilli: 2000}, Plugged: plugged, Requested: requested, Serial: 1 << 40}})
			held += max(plugged, requested)
			g, ok := b.Guest(id)
			if !ok || g.Memory.Upper != max(plugged, requested) || g.Memory.Firm != min(plugged, requested) {
				t.Fatalf("%s: %+v", id, g.Memory)
			}
		}
		asked := max(0, capacity-held)
		actions := b.Step(2, []Event{GuestAdded{Guest: "new", Bounds: Bounds{Boot: asked + block, MinMilli: 1}}})
		for _, a := range actions {
			if _, ok := a.(Admit); ok {
				t.Fatalf("a guest was admitted into memory that others hold\n%s", dump(b))
			}
		}
		for _, id := range names {
			for _, a := range b.Step(3, []Event{Connected{Guest: id}, Demanded{Guest: id, Demand: hvcall.Demand{Revision: 7, Memory: 64 * block, MilliCPU: 1000}}}) {
				if s, ok := a.(SendGrant); ok && s.Grant.Serial < 1<<40 && s.Guest == id {
					t.Fatalf("%s: serial %d would be taken for an old one", id, s.Grant.Serial)
				}
			}
		}
		if up := b.sum.upper; up > max(held, capacity) {
			t.Fatalf("the ledger holds %d of %d, %d were held\n%s", up, capacity, held, dump(b))
		}
	})
}

// TestAdoptedKeepsWhatItHolds: between its Hello and its demand a guest is not told to shrink.
func TestAdoptedKeepsWhatItHolds(t *testing.T) {
	b := New(Config{Capacity: Capacity{Memory: 4 << 30, MilliCPU: 4000}})
	b.Step(1, []Event{Adopted{Guest: "a", Bounds: Bounds{Boot: 64 << 20, Max: 1 << 30, MaxMilli: 2000}, Plugged: 512 << 20, Requested: 512 << 20, Serial: 9}})
	actions := b.Step(2, []Event{Connected{Guest: "a"}})
	if len(actions) != 1 {
		t.Fatalf("%v", actions)
	}
	if s, ok := actions[0].(SendGrant); !ok || s.Grant.Memory != 512<<20 || s.Grant.Limit != hvcall.LimitNone {
		t.Errorf("%v", actions[0])
	}
	b.Step(3, []Event{Adopted{Guest: "a", Bounds: Bounds{Boot: 64 << 20}, Plugged: 1 << 30, Requested: 1 << 30, Serial: 9}})
	if g, _ := b.Guest("a"); g.Memory.Upper != 512<<20 {
		t.Error("adopted twice")
	}
}
