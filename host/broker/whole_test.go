package broker

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWhole(t *testing.T) {
	two := func(n int) []claim { return slices.Repeat([]claim{{100, 2000, 100}}, n) }
	four := func(n int) []claim { return slices.Repeat([]claim{{100, 4000, 100}}, n) }
	for _, c := range []struct {
		name   string
		shares []int64
		claims []claim
		want   []int64
	}{
		{"whole already", []int64{1000, 1000}, two(2), []int64{1000, 1000}},
		{"less than one is left alone", []int64{667, 667, 666}, two(3), []int64{667, 667, 666}},
		{"parts make a whole one", []int64{1334, 1333, 1333}, four(3), []int64{2000, 1000, 1000}},
		{"one part is left", []int64{1875, 1875, 250}, append(four(2), claim{250, 250, 100}), []int64{2000, 1750, 250}},
		{"a floor stays", []int64{1500, 1500}, []claim{{1500, 2000, 1}, {0, 2000, 1}}, []int64{1500, 1500}},
		{"nobody gets more than it wants", []int64{1300, 1700}, []claim{{0, 1300, 1}, {0, 4000, 1}}, []int64{1000, 2000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := whole(c.shares, c.claims); !slices.Equal(got, c.want) {
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
			return claim{low: low, want: low + rapid.Int64Range(0, 8000).Draw(t, "more"), weight: rapid.Int64Range(1, 200).Draw(t, "weight")}
		}), 0, 20).Draw(t, "claims")
		shares := share(rapid.Int64Range(0, 64_000).Draw(t, "avail"), claims)
		got := whole(shares, claims)
		parts := 0
		for i, c := range claims {
			if got[i] < c.low || got[i] > c.want || got[i] < min(shares[i], 1000) {
				t.Fatalf("claim %d: %d of %+v, its share was %d", i, got[i], c, shares[i])
			}
			if got[i] > 1000 && got[i]%1000 != 0 && got[i] != c.low && got[i] != c.want {
				parts++
			}
		}
		if sum(got) != sum(shares) || parts > 1 {
			t.Fatalf("%v made of %v: %d have parts of vCPUs", got, shares, parts)
		}
	})
}
