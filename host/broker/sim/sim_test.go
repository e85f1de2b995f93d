package sim

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHonestWorlds: whether there is plenty or far too little, honest guests get nearly what a clairvoyant host would
// have given them, all alike, and none is called uncooperative or killed.
func TestHonestWorlds(t *testing.T) {
	for _, pressure := range []float64{0.6, 1, 1.5} {
		t.Run(fmt.Sprint(pressure), func(t *testing.T) {
			w := New(Config{Guests: 90, Seed: 3, Pressure: pressure, Specs: HonestMix()})
			if err := w.Run(40 * time.Second); err != nil {
				t.Fatal(err)
			}
			s := w.Score()
			if s.Satisfied < 0.95 || s.Jain < 0.95 || s.Kills[Honest] > 0 || s.Found[Honest] > 0 {
				t.Errorf("%+v", s)
			}
			if crowded := s.Moves > 0; crowded != (pressure > 1.2) {
				t.Errorf("%d proposals to move a guest", s.Moves)
			}
		})
	}
}

// TestHostileWorld: among guests of every manner nobody honest is killed, those that never give back are, lies gain
// nothing, and the honest ones are served all the same.
func TestHostileWorld(t *testing.T) {
	w := New(Config{Guests: 140, Seed: 5, Pressure: 1.3, Specs: HostileMix()})
	if err := w.Run(80 * time.Second); err != nil {
		t.Fatal(err)
	}
	s := w.Score()
	if s.Kills[Honest] > 0 || s.Found[Honest] > 0 || s.Kills[Refusing] == 0 || s.Kills[Liar]+s.Kills[Hoarder]+s.Kills[Replaying] > 0 {
		t.Errorf("killed %v, found uncooperative %v", s.Kills, s.Found)
	}
	if s.Hoarded() > 1 || s.Satisfied < 0.9 || s.Jain < 0.95 {
		t.Errorf("hoarded %.2f: %+v", s.Hoarded(), s)
	}
}

// TestRepeatable: the same seed makes the same world.
func TestRepeatable(t *testing.T) {
	run := func(seed uint64) Score {
		w := New(Config{Guests: 60, Seed: seed, Pressure: 1.2, Specs: HostileMix(), Unchecked: true})
		if err := w.Run(20 * time.Second); err != nil {
			t.Fatal(err)
		}
		return w.Score()
	}
	if a, b := run(7), run(7); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v\n%+v", a, b)
	}
	if a, b := run(7), run(8); reflect.DeepEqual(a, b) {
		t.Error("another seed made the same world")
	}
}

// TestBrokenIsSeen: a world in which a device holds more than it should is broken.
func TestBrokenIsSeen(t *testing.T) {
	w := New(Config{Guests: 10})
	w.later(time.Second, func() {
		w.held = w.usable + 1
		w.step()
	})
	if err := w.Run(time.Minute); err == nil || w.Now() != time.Second {
		t.Errorf("at %v: %v", w.Now(), err)
	}
}

// TestOptimum: everything there is is used, nobody has more than it can use, and nobody could have more but from who
// has no more per weight.
func TestOptimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wants := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) want {
			least := rapid.Int64Range(0, 100).Draw(t, "least")
			return want{least, least + rapid.Int64Range(0, 1000).Draw(t, "more"), float64(rapid.IntRange(1, 9).Draw(t, "weight"))}
		}), 1, 12).Draw(t, "wants")
		var least, most, used float64
		for _, w := range wants {
			least, most = least+float64(w.least), most+float64(w.most)
		}
		avail := rapid.Float64Range(least, 2*most+1).Draw(t, "avail")
		got := optimum(avail, wants)
		for i, w := range wants {
			used += got[i]
			if got[i] < float64(w.least)-1e-6 || got[i] > float64(w.most)+1e-6 {
				t.Fatalf("guest %d has %f of %+v", i, got[i], w)
			}
			for j, v := range wants {
				if got[i] < float64(w.most)-1e-6 && got[j] > float64(v.least)+1e-6 && got[i]/w.weight < got[j]/v.weight-1e-6 {
					t.Fatalf("guest %d has %f and guest %d %f: %+v", i, got[i], j, got[j], wants)
				}
			}
		}
		if math.Abs(used-min(avail, most)) > 1e-6*most {
			t.Fatalf("%f of %f used: %v of %+v", used, avail, got, wants)
		}
	})
}

// TestResting: a change has its guest get what it wants, and leaves nothing to do.
func TestResting(t *testing.T) {
	for _, pressure := range []float64{0.5, 1.5} {
		r := NewResting(100, pressure)
		for range 200 {
			r.Change()
			if err := r.Broker().Check(); err != nil {
				t.Fatal(err)
			}
		}
		r.Wave()
		short := 0
		for _, g := range r.Broker().State().Guests {
			if g.Memory.Upper < g.Memory.Want {
				short++
			}
			if g.Memory.Op != 0 {
				t.Errorf("%s is not at rest", g.ID)
			}
		}
		if (short > 0) != (pressure > 1) {
			t.Errorf("at pressure %v %d guests have less than they want", pressure, short)
		}
	}
}

func TestNeedStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := New(Config{Guests: 40, Seed: rapid.Uint64().Draw(t, "seed"), Specs: HonestMix()})
		at := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "at"))
		for _, g := range w.guests {
			if n := g.need.at(at); n < boot || n > most || n != g.need.at(at) {
				t.Fatalf("%+v needs %d", g.need, n)
			}
		}
	})
}
