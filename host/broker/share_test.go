package broker

import (
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

// share divides in one go.
func share(avail, whole int64, claims []claim) []int64 {
	s := sharing{whole: whole}
	for i, c := range claims {
		s.add()
		s.set(i, c.low, c.want, c.weight)
	}
	s.solve(avail, func(int) {})
	return s.got
}

// shareByHalving is the same by the plainest way there is.
func shareByHalving(avail, whole int64, claims []claim) []int64 {
	fill := func(level int64) (got []int64) {
		for _, c := range claims {
			v := level * c.weight >> shareShift
			if whole > 0 && v > whole && v < c.want {
				v -= v % whole
			}
			got = append(got, min(c.want, max(c.low, v)))
		}
		return got
	}
	const top = 1 << 42
	above := sort.Search(top, func(level int) bool { return sum(fill(int64(level))) > avail })
	if above == 0 || above == top {
		return fill(int64(above))
	}
	got, next := fill(int64(above)-1), fill(int64(above))
	left := avail - sum(got)
	for i := range got {
		more := min(left, next[i]-got[i])
		got[i], left = got[i]+more, left-more
	}
	return got
}

func sum(vs []int64) (s int64) {
	for _, v := range vs {
		s += v
	}
	return s
}

func drawClaim(t *rapid.T, most int64) claim {
	low := rapid.Int64Range(0, 1000).Draw(t, "low")
	return newClaim(low, low+rapid.Int64Range(0, most).Draw(t, "more"), rapid.Int64Range(1, maxWeight*taxScale).Draw(t, "weight"))
}

func drawClaims(t *rapid.T, most int64) []claim {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) claim { return drawClaim(t, most) }), 0, 20).Draw(t, "claims")
}

// TestShareIsMaxMin: nobody could be given more without taking it from somebody who has no more per weight.
func TestShareIsMaxMin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := drawClaims(t, 1<<29)
		avail := rapid.Int64Range(0, 1<<30).Draw(t, "avail")
		got := share(avail, 0, claims)
		var lows, wants int64
		for i, c := range claims {
			lows, wants = lows+c.low, wants+c.want
			if got[i] < c.low || got[i] > c.want {
				t.Fatalf("claim %d: %d outside %d..%d", i, got[i], c.low, c.want)
			}
		}
		if used := sum(got); used != max(lows, min(avail, wants)) {
			t.Fatalf("gave %d of %d where %d were wanted", used, avail, wants)
		}
		for i, poor := range claims {
			for j, rich := range claims {
				// One unit either way is rounding.
				if got[i] < poor.want && got[j] > rich.low && (got[i]+1)*rich.weight < (got[j]-1)*poor.weight {
					t.Fatalf("claim %d has %d and wants %d while claim %d has %d: %+v", i, got[i], poor.want, j, got[j], claims)
				}
			}
		}
	})
}

// TestShareRemembersNothing: after any changes the shares are those that a fresh start finds, and what changed was told.
func TestShareRemembersNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.SampledFrom([]int64{0, 1000}).Draw(t, "whole")
		s := sharing{whole: whole}
		var told []int64
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if n := len(s.claims); n > 0 && rapid.IntRange(0, 9).Draw(t, "remove") == 0 {
				i := rapid.IntRange(0, n-1).Draw(t, "which")
				s.remove(i)
				told = slices.Delete(told, i, i+1)
			}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				i := rapid.IntRange(0, len(s.claims)).Draw(t, "claim")
				if i == len(s.claims) {
					s.add()
					told = append(told, 0)
				}
				c := drawClaim(t, 10_000)
				s.set(i, c.low, c.want, c.weight)
			}
			avail := rapid.Int64Range(0, 60_000).Draw(t, "avail")
			s.solve(avail, func(i int) { told[i] = s.got[i] })
			want := shareByHalving(avail, whole, s.claims)
			if !slices.Equal(s.got, want) || !slices.Equal(told, want) {
				t.Fatalf("%d among %+v\ngot  %v\ntold %v\nwant %v", avail, s.claims, s.got, told, want)
			}
		}
	})
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		name   string
		avail  int64
		whole  int64
		claims []claim
		want   []int64
	}{
		{"nobody", 10, 0, nil, nil},
		{"plenty", 10, 0, []claim{newClaim(0, 3, 1), newClaim(0, 7, 1)}, []int64{3, 7}},
		{"even", 10, 0, []claim{newClaim(0, 9, 1), newClaim(0, 9, 1)}, []int64{5, 5}},
		{"rest to the first", 11, 0, []claim{newClaim(0, 9, 1), newClaim(0, 9, 1)}, []int64{6, 5}},
		{"modest one keeps all", 12, 0, []claim{newClaim(0, 2, 1), newClaim(0, 9, 1), newClaim(0, 9, 1)}, []int64{2, 5, 5}},
		{"weights", 12, 0, []claim{newClaim(0, 90, 1), newClaim(0, 90, 3)}, []int64{3, 9}},
		{"low is kept", 12, 0, []claim{newClaim(8, 90, 1), newClaim(0, 90, 1)}, []int64{8, 4}},
		{"promised too much", 12, 0, []claim{newClaim(8, 90, 1), newClaim(8, 90, 1)}, []int64{8, 8}},
		{"a vCPU each", 2000, 1000, []claim{newClaim(500, 2000, 100), newClaim(500, 2000, 100)}, []int64{1000, 1000}},
		{"no broken vCPU beside a whole one", 3000, 1000, []claim{newClaim(0, 3000, 100), newClaim(0, 3000, 100)}, []int64{2000, 1000}},
		{"parts of one vCPU", 2000, 1000, []claim{newClaim(0, 3000, 100), newClaim(0, 3000, 100), newClaim(0, 3000, 100)}, []int64{667, 667, 666}},
		{"what is left is not wasted", 2500, 1000, []claim{newClaim(500, 2500, 100), newClaim(500, 500, 100)}, []int64{2000, 500}},
		{"not even in part", 2000, 1000, []claim{newClaim(500, 2000, 100), newClaim(500, 500, 100)}, []int64{1500, 500}},
		{"a guarantee is not rounded", 3000, 1000, []claim{newClaim(1500, 3000, 100), newClaim(0, 3000, 100)}, []int64{2000, 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := share(c.avail, c.whole, c.claims)
			for i := range c.want {
				if got[i] != c.want[i] {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}
