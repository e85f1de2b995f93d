package broker

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestKillSurvivesRestart: that a guest is to be killed is in the dump, and is said again after a restart: nobody knows
// whether it was done.
func TestKillSurvivesRestart(t *testing.T) {
	b := New(Config{Capacity: Capacity{Memory: 1024 << 20, MilliCPU: 2000}})
	var kills []Action
	step := func(at time.Duration, events ...Event) {
		for _, a := range b.Step(at, events) {
			if _, ok := a.(Kill); ok {
				kills = append(kills, a)
			}
		}
		check(t, b)
	}
	for _, id := range []GuestID{"a", "b"} {
		step(0, GuestAdded{id, Bounds{Boot: 64 << 20, Max: 1024 << 20, MaxMilli: 500}})
		step(0, Connected{id})
	}
	step(1, Demanded{"a", hvcall.Demand{Revision: 1, Memory: 960 << 20}})
	step(2, Plugged{"a", 1, 960 << 20})
	step(3, Demanded{"b", hvcall.Demand{Revision: 1, Memory: 512 << 20, Urgency: hvcall.UrgencyStalled}})
	for at := time.Second; at < time.Minute; at += time.Second {
		step(at)
	}
	if len(kills) != 1 {
		t.Fatalf("kills %v", kills)
	}
	var s State
	if err := json.Unmarshal([]byte(dump(b)), &s); err != nil {
		t.Fatal(err)
	}
	b = Restore(Config{}, s)
	step(time.Minute)
	step(2 * time.Minute)
	if len(kills) != 2 || kills[1].About() != "a" {
		t.Fatalf("kills after a restart %v", kills)
	}
	step(3*time.Minute, GuestGone{"a"})
	if g, _ := b.Guest("b"); g.Memory.Asked != 512<<20 {
		t.Errorf("b is asked to hold %s", size(g.Memory.Asked))
	}
}
