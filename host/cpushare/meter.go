package cpushare

import "time"

// Reading is what a machine's vCPUs did between two looks.
type Reading struct {
	Span  time.Duration
	Used  uint32 // thousandths of a processor
	Steal uint32 // thousandths of the granted time that others on the host took

	Wanted uint32 // thousandths of a processor: what they used and, their own quota apart, waited for
}

// Meter makes readings from times. The zero value has seen nothing. It has no clock: now is the time since any fixed
// moment.
type Meter struct {
	begun bool
	at    time.Duration
	last  Times
}

// noise is how much of one processor may be missed without a word, in thousandths. A guest that is granted next to nothing and
// wakes now and then would seem to be robbed of all it has.
const noise = 25

// Add takes in the times at a moment, and how many thousandths were granted since the last. The first has nothing
// to compare with and returns false, as does a time that went backwards.
func (m *Meter) Add(now time.Duration, t Times, granted uint32) (Reading, bool) {
	span, last, begun := now-m.at, m.last, m.begun
	m.at, m.last, m.begun = now, t, true
	if !begun || span <= 0 || t.Ran < last.Ran || t.Waited < last.Waited {
		return Reading{}, false
	}
	ran := t.Ran - last.Ran
	// The kernel counts a thread that waits for its own quota as waiting, some versions of it do not.
	waited := max(0, t.Waited-last.Waited-max(0, t.Throttled-last.Throttled))
	entitled := span * time.Duration(granted) / 1000
	// It wanted what it ran and waited for; of that, what it was granted should have been its own.
	missed := max(0, min(entitled, ran+waited)-ran)
	if perMille(missed, span) < noise {
		missed = 0
	}
	return Reading{Span: span, Used: perMille(ran, span), Steal: min(perMille(missed, entitled), 1000), Wanted: perMille(ran+waited, span)}, true
}

// perMille is a part in thousandths of the whole, rounded down.
func perMille(part, whole time.Duration) uint32 {
	if whole <= 0 {
		return 0
	}
	return uint32(part * 1000 / whole)
}
