package sim

import (
	"time"
)

// warmUp is what is not scored: all guests start at once there, which no policy makes anything of.
const warmUp = 10 * time.Second

// sums are what is added up of one guest, in bytes × samples.
type sums struct {
	needed, got, best float64
	held              float64 // in the last tenth of its samples
}

// Score is how a run went, from the end of its first seconds on.
type Score struct {
	Satisfied float64          // part of what honest guests would have had of a clairvoyant host, at most all for each
	Jain      float64          // Jain's index of those parts over the honest guests: 1 = all alike
	Held      map[Spec]float64 // mean bytes that guests of a kind held in the end
	Kills     map[Manner]int
	Found     map[Manner]int // found uncooperative
	Moves     int            // proposals to move a guest
	Steps     int
}

// sample notes what each guest needs, has, and would have of a clairvoyant host.
func (w *World) sample() {
	w.later(sample, w.sample)
	w.samples++
	wants := make([]want, len(w.guests))
	for i, g := range w.guests {
		if !g.gone {
			wants[i] = want{least: boot, most: g.due(w), weight: 100}
			if g.Weight != 0 {
				wants[i].weight = float64(g.Weight)
			}
		}
	}
	best := optimum(float64(w.usable), wants)
	for i, g := range w.guests {
		s := &w.sums[i]
		need := float64(wants[i].most)
		s.needed += need
		s.got += min(need, float64(min(g.plugged, int64(g.using.Memory))))
		s.best += best[i]
		s.held = s.held*endKeep + (1-endKeep)*float64(g.plugged)
	}
}

// found counts by manner how often guests were found uncooperative.
func (w *World) found() map[Manner]int {
	found := make(map[Manner]int)
	for _, g := range w.b.State().Guests {
		if n := g.Memory.Owing.Found; n > 0 {
			found[w.index[g.ID].Manner] += n
		}
	}
	for m, n := range w.kills {
		found[m] += n
	}
	return found
}

// due is what a guest should have if there is enough: what it states if it is honest, and else what it really needs.
func (g *guest) due(w *World) int64 {
	if g.Manner == Honest && g.stated > 0 {
		return min(g.stated, g.bounds.Max)
	}
	return g.need.at(w.now)
}

// endKeep makes held a mean over about the last forty samples: ten seconds.
const endKeep = 1 - 1.0/40

// Score sums up the run so far.
func (w *World) Score() Score {
	s := Score{Held: make(map[Spec]float64), Kills: w.kills, Found: w.found(), Moves: w.moves, Steps: w.steps}
	var got, best, n, sum, squares float64
	count := make(map[Spec]float64)
	for i, g := range w.guests {
		u := w.sums[i]
		s.Held[g.Spec] += u.held
		count[g.Spec]++
		if g.Manner != Honest || u.best == 0 {
			continue
		}
		x := u.got / u.best
		got, best = got+min(u.got, u.best), best+u.best
		n, sum, squares = n+1, sum+x, squares+x*x
	}
	for k := range s.Held {
		s.Held[k] /= count[k]
	}
	s.Satisfied, s.Jain = got/best, sum*sum/(n*squares)
	return s
}
