package pid1

import "time"

const (
	// lateAfter is how long a grant may take before an application that nears its limit is told: an eventful host
	// takes some tens of milliseconds, and to be told costs the application two stops of its world.
	lateAfter = 50 * time.Millisecond

	// lateRoom is the room below the limit, at least, at which it is told: the application needs the time to end a
	// collection. Once told, half as much more room has it take the word back.
	lateRoom  = 8 * mib
	lateShare = 8 // 1/8 of the limit

	// lateTelling is the least change of its share that an application is told of while it is late: for each one its
	// world stops, and waits for whoever waits.
	lateTelling = 4 * mib
)

// lateness knows whether memory that was asked for comes too late: the demand stands, and the gate is about to
// close or has closed.
type lateness struct {
	askedAt time.Duration // since when a demand stands without its answer; 0 = none does
	now     bool
}

// step takes in whether a demand stands, how much room there is below the limit, and whether a thread waits.
func (l *lateness) step(now time.Duration, open bool, room, limit int64, stalled bool) {
	if !open {
		l.askedAt = 0
	} else if l.askedAt == 0 {
		l.askedAt = now
	}
	near := max(lateRoom, limit/lateShare)
	switch {
	case open && now-l.askedAt > lateAfter && (stalled || room < near):
		l.now = true
	case !stalled && (!open || room > near+near/2):
		l.now = false
	}
}
