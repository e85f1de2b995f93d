package broker

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWhole(t *testing.T) {
	two := func(n int) []claim { return slices.Repeat([]claim{newClaim(100, 2000, 100)}, n) }
	four := func(n int) []claim { return slices.Repeat([]claim{newClaim(100, 4000, 100)}, n) }
	for _, c := range []struct {
		name   string
		avail  int64
		claims []claim
		want   []int64
	}{
		{"whole already", 2000, two(2), []int64{1000, 1000}},
		{"less than one is left alone", 2000, two(3), []int64{667, 667, 666}},
		{"parts make a whole one", 4000, four(3), []int64{2000, 1000, 1000}},
		{"one part is left", 4000, append(four(2), newClaim(250, 250, 100)), []int64{2000, 1750, 250}},
		{"a floor stays", 3000, []claim{newClaim(1500, 2000, 1), newClaim(0, 2000, 1)}, []int64{2000, 1000}},
		{"nobody gets more than it wants", 3000, []claim{newClaim(0, 1300, 1), newClaim(0, 4000, 1)}, []int64{1300, 1700}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := share(c.avail, oneCPU, c.claims); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestWholeHolds: nothing is lost, nobody is below its floor or above its want, and at most one guest that could do
// without has a part of a vCPU beside whole ones.
func TestWholeHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) claim {
			low := rapid.Int64Range(0, 3000).Draw(t, "low")
			return newClaim(low, low+rapid.Int64Range(0, 8000).Draw(t, "more"), rapid.Int64Range(1, 200).Draw(t, "weight"))
		}), 0, 20).Draw(t, "claims")
		avail := rapid.Int64Range(0, 64_000).Draw(t, "avail")
		got, plain := share(avail, oneCPU, claims), share(avail, 0, claims)
		parts := 0
		for i, c := range claims {
			if got[i] < c.low || got[i] > c.want {
				t.Fatalf("claim %d: %d of %+v", i, got[i], c)
			}
			if got[i] > oneCPU && got[i]%oneCPU != 0 && got[i] != c.low && got[i] != c.want {
				parts++
			}
		}
		if sum(got) != sum(plain) || parts > 1 {
			t.Fatalf("%v in place of %v: %d have parts of vCPUs", got, plain, parts)
		}
	})
}
