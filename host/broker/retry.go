package broker

import "time"

// Retry is an attempt that failed and when it is due again. The zero value has never failed.
type Retry struct {
	At   time.Duration `json:"at"`   // not before this time
	Wait time.Duration `json:"wait"` // how long the next failure will wait; 0 = never failed
}

// waits reports whether the attempt must not be made yet.
func (r Retry) waits(now time.Duration) bool { return r.Wait != 0 && now < r.At }

// due reports whether the attempt failed before and may be made again.
func (r Retry) due(now time.Duration) bool { return r.Wait != 0 && now >= r.At }

// failed returns the retry after a failure at now: each wait is twice the one before, from least to most.
func (r Retry) failed(now, least, most time.Duration) Retry {
	wait := max(r.Wait, least)
	return Retry{At: now + wait, Wait: min(2*wait, most)}
}
