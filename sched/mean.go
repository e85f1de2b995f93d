package sched

import "time"

// mean is an exponential mean, weighted by how long each value lasted.
type mean struct {
	value float64
	begun bool
}

// smooth is the time constant of the load: long enough to see over a garbage collection's bursts,
// short against Settle.
const smooth = 250 * time.Millisecond

func (m *mean) add(v float64, lasted time.Duration) float64 {
	if !m.begun {
		m.value, m.begun = v, true
	}
	m.value += (v - m.value) * min(1, float64(lasted)/float64(smooth))
	return m.value
}
