package node

import "time"

// floodFor is how long a guest counts as one that floods after it was seen to.
const floodFor = 10 * time.Second

// flood knows whether a guest sends more frames than are read. What each costs is paid by its host, of time that others
// would have: until it is calm it gets no time that it was not granted.
//
//	calm      moved on by frames that are left unread for more than half of the time
//	flooding  moved back when none were for floodFor
type flood struct {
	at, held time.Duration // of the last step
	until    time.Duration
}

// step takes in the time and how long frames were left unread in all, and says whether the guest floods.
func (f *flood) step(now, held time.Duration) bool {
	if d := held - f.held; f.at > 0 && d > (now-f.at)/2 {
		f.until = now + floodFor
	}
	f.at, f.held = now, held
	return now < f.until
}
