package broker

import "sort"

// claim is one guest's part in sharing something that comes in whole units.
type claim struct {
	low    int64 // units it keeps whatever the others want
	want   int64 // units it has use for; at least low
	weight int64 // at least 1
}

// shareShift makes the common level fine enough for weights up to maxWeight.
const shareShift = 16

// share divides avail units among claims: the weighted max-min share of what each wants, but not
// below low. If even the lows exceed avail each gets its low: what is promised is not shared.
//
// There is one level, units per weight, at which the shares (level × weight, within low and want)
// add up to what is there. It is found by bisection; the few units lost to rounding go to the first
// who would get one at the next level.
func share(avail int64, claims []claim) []int64 {
	var top, wants int64
	for _, c := range claims {
		wants += c.want
		top = max(top, c.want)
	}
	if wants <= avail {
		return fill(top<<shareShift, claims)
	}
	above := sort.Search(int(top<<shareShift), func(level int) bool {
		return sum(fill(int64(level), claims)) > avail
	})
	if above == 0 {
		return fill(0, claims)
	}
	got, next := fill(int64(above)-1, claims), fill(int64(above), claims)
	for i, left := 0, avail-sum(got); i < len(got) && left > 0; i++ {
		if next[i] > got[i] { // by one unit: a weight is far below 1<<shareShift
			got[i]++
			left--
		}
	}
	return got
}

// fill returns every claim's share at a level, in 1/2^shareShift units per weight.
func fill(level int64, claims []claim) []int64 {
	got := make([]int64, len(claims))
	for i, c := range claims {
		got[i] = min(c.want, max(c.low, level*c.weight>>shareShift))
	}
	return got
}

func sum(vs []int64) int64 {
	var s int64
	for _, v := range vs {
		s += v
	}
	return s
}
