package sim

import (
	"cmp"
	"slices"
)

// want is what a guest really needs at one moment.
type want struct {
	least, most int64 // bytes it has in any case, and that it has use for
	weight      float64
}

// optimum is what a clairvoyant host would give: the weighted max-min shares of real needs, to the byte. It goes up
// the levels at which a guest begins to rise above its least or has all it needs, so it shares nothing with the
// broker but the definition.
func optimum(avail float64, wants []want) []float64 {
	type end struct {
		level, weight float64
	}
	var ends []end
	var given, rising float64
	for _, w := range wants {
		least, most := float64(min(w.least, w.most)), float64(w.most)
		given += least
		if w.weight > 0 && most > least {
			ends = append(ends, end{least / w.weight, w.weight}, end{most / w.weight, -w.weight})
		}
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Compare(a.level, b.level) })
	var level float64
	for _, e := range ends {
		if step := (e.level - level) * rising; given+step > avail {
			break
		} else {
			given += step
		}
		level = e.level
		rising += e.weight
	}
	if rising > 1e-9 {
		level += max(0, avail-given) / rising
	}
	got := make([]float64, len(wants))
	for i, w := range wants {
		got[i] = min(float64(w.most), max(float64(min(w.least, w.most)), level*w.weight))
	}
	return got
}
