package sim

// HonestMix is every honest load eight times as often as one guest that can use all it may have.
func HonestMix() []Spec { return mix(false) }

// HostileMix is HonestMix with a tenth of the guests being each other manner in turn.
func HostileMix() []Spec { return mix(true) }

func mix(hostile bool) (specs []Spec) {
	for _, m := range Manners {
		if m == Honest {
			continue
		}
		specs = append(specs, HonestSpecs...)
		specs = append(specs, HonestSpecs...)
		specs = append(specs, Spec{Load: Greedy, Manner: Honest})
		if hostile {
			specs = append(specs, Spec{Load: Steady, Manner: m})
		}
	}
	return specs
}

// Hoarded is by how much liars and hoarders, whichever have more, hold more in the end than honest guests that can use
// all they may have: the most that an honest guest gets. 1 = as much.
func (s Score) Hoarded() float64 {
	return max(s.Held[Spec{Load: Steady, Manner: Liar}], s.Held[Spec{Load: Steady, Manner: Hoarder}]) / s.Held[Spec{Load: Greedy, Manner: Honest}]
}
