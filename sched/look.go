package sched

import "time"

const (
	// lookWaiting is between two looks while goroutines wait that more vCPUs would help, lookFull while they
	// wait and nothing would, lookActive while the program is at work, and lookQuiet while it does nothing:
	// an idle guest must stay asleep. A look itself takes a ten-thousandth of the shortest.
	lookWaiting = 500 * time.Microsecond
	lookFull    = 4 * time.Millisecond
	lookActive  = 10 * time.Millisecond
	lookQuiet   = 50 * time.Millisecond
	lookAsleep  = 200 * time.Millisecond

	// fading is the part of the time since the program was last at work that passes between two looks, up to lookQuiet, and
	// sleeping the same from there up to lookAsleep: who works now and then is noticed within lookQuiet for some seconds.
	fading   = 10
	sleeping = 100

	// activity is looked for over so many looks, and starts that are less often than seldom are none.
	activity = 16
	seldom   = 10 * time.Millisecond
)

// look decides when the scheduler is looked at next.
type look struct {
	activeAt time.Duration
	met      bool // somebody waited or ran at the last look
	looks    uint64
	starts   uint64        // at the begin of the looks being counted
	since    time.Duration // when that was
}

func (l *look) next(now time.Duration, s Sample, room bool) time.Duration {
	// Once is chance: it may be another that just looks about it.
	meets := s.Runnable > 0 || s.Running > 1
	if meets && l.met || l.active(now, s) {
		l.activeAt = now
	}
	l.met = meets
	switch {
	case s.Runnable > 0 && room:
		return lookWaiting
	case s.Runnable > 0:
		return lookFull
	}
	rest := now - l.activeAt
	return min(max(min(rest/fading, lookQuiet), rest/sleeping, lookActive), lookAsleep)
}

// active reports whether the program's goroutines start often, and more often than the one that looks: looking
// never costs more than what it is for.
func (l *look) active(now time.Duration, s Sample) bool {
	if l.looks++; l.looks < activity {
		return false
	}
	others := int64(s.Starts-l.starts) - int64(l.looks)
	did := others > max(int64(l.looks), int64((now-l.since)/seldom))
	l.looks, l.starts, l.since = 0, s.Starts, now
	return did
}
