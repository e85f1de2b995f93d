package broker

import (
	"testing"

	"pgregory.net/rapid"
)

func drawClaims(t *rapid.T) []claim {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) claim {
		low := rapid.Int64Range(0, 1000).Draw(t, "low")
		return claim{low: low, want: low + rapid.Int64Range(0, 1<<29).Draw(t, "more"), weight: rapid.Int64Range(1, maxWeight).Draw(t, "weight")}
	}), 0, 20).Draw(t, "claims")
}

// TestShareIsMaxMin: nobody could be given more without taking it from somebody who has no more per weight.
func TestShareIsMaxMin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := drawClaims(t)
		avail := rapid.Int64Range(0, 1<<30).Draw(t, "avail")
		got := share(avail, claims)
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

func TestShare(t *testing.T) {
	for _, c := range []struct {
		name   string
		avail  int64
		claims []claim
		want   []int64
	}{
		{"nobody", 10, nil, nil},
		{"plenty", 10, []claim{{0, 3, 1}, {0, 7, 1}}, []int64{3, 7}},
		{"even", 10, []claim{{0, 9, 1}, {0, 9, 1}}, []int64{5, 5}},
		{"rest to the first", 11, []claim{{0, 9, 1}, {0, 9, 1}}, []int64{6, 5}},
		{"modest one keeps all", 12, []claim{{0, 2, 1}, {0, 9, 1}, {0, 9, 1}}, []int64{2, 5, 5}},
		{"weights", 12, []claim{{0, 90, 1}, {0, 90, 3}}, []int64{3, 9}},
		{"low is kept", 12, []claim{{8, 90, 1}, {0, 90, 1}}, []int64{8, 4}},
		{"promised too much", 12, []claim{{8, 90, 1}, {8, 90, 1}}, []int64{8, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := share(c.avail, c.claims)
			for i := range c.want {
				if got[i] != c.want[i] {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}
