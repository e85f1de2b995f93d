package move

import "time"

// Limits are how long each part of a move may take. Zero fields get their defaults.
type Limits struct {
	Reserve time.Duration // for an answer of the destination, which starts a machine for it; 0 = 30 s
	Shrink  time.Duration // for the guest to give back what it can do without; 0 = 3 s
	Freeze  time.Duration // for a change of size under way to end; 0 = 3 s
	Copy    time.Duration // for the copying; 0 = 60 s
	Push    time.Duration // of the copying, until the guest may stand still for as long as is allowed at most; 0 = a quarter of Copy
	Cancel  time.Duration // for QEMU to give the copying up; 0 = 10 s
	Switch  time.Duration // for the destination to be reached at all, before the guest runs on here; 0 = 2 s
	Back    time.Duration // for the destination to be told; 0 = 5 s
	Lease   time.Duration // for the destination to hear of the source; 0 = 15 s
}

// WithDefaults fills in what is left open.
func (l Limits) WithDefaults() Limits {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&l.Reserve, 30 * time.Second}, {&l.Shrink, 3 * time.Second}, {&l.Freeze, 3 * time.Second}, {&l.Copy, time.Minute},
		{&l.Cancel, 10 * time.Second}, {&l.Switch, 2 * time.Second}, {&l.Back, 5 * time.Second}, {&l.Lease, 15 * time.Second},
	} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	if l.Push <= 0 {
		l.Push = l.Copy / 4
	}
	return l
}
