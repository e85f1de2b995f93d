package sched

import "time"

const (
	// lookWaiting is between two looks while goroutines wait that more vCPUs would help, lookFull while they
	// wait and nothing would, lookActive while the program is at work, and from lookQuiet on while it does nothing, lookRung where work rings:
	// an idle guest must stay asleep. A look itself takes a ten-thousandth of the shortest.
	lookWaiting = 500 * time.Microsecond
	lookFull    = 4 * time.Millisecond
	lookActive  = 10 * time.Millisecond
	lookQuiet   = 50 * time.Millisecond
	lookAsleep  = 200 * time.Millisecond
	lookRung    = 400 * time.Millisecond

	// fading is the part of the time since the program was last at work that passes between two looks, up to lookQuiet, and
	// sleeping the same from there up to lookAsleep: who works now and then is noticed within lookQuiet for some seconds. Where
	// work rings, fadingRung goes up to lookRung, and who ran at a look by chance changes nothing.
	fading     = 10
	fadingRung = 5
	sleeping   = 100

	// activity is looked for over so many looks, or until there were so many starts of others as are no chance, of which
	// only each eighth is counted. Starts that are less often than seldom are none.
	activity = 16
	lively   = 4 * tracked
	seldom   = 10 * time.Millisecond

	// atWork is the part of a processor's time that shows, over atWorkFor, that the program does more than to be looked at: under
	// emulation a look takes a millisecond.
	atWork    = 4
	atWorkFor = 2 * lookActive
)

// look decides when the scheduler is looked at next.
type look struct {
	rung     bool // who begins to work is seen without a look
	activeAt time.Duration
	metAt    time.Duration // when somebody waited or ran at a look
	met      bool          // it was the last look
	at       time.Duration // since when the processor time is counted that the program uses
	used     time.Duration // what it was then
	looks    uint64
	starts   uint64        // at the begin of the looks being counted
	since    time.Duration // when that was
}

func (l *look) next(now time.Duration, s Sample, waits int, room bool) time.Duration {
	met := s.Runnable > 0 || s.Running > 1
	if met {
		l.metAt = now
	}
	// Once is chance: it may be another that just looks about it. It is worth a few looks more, but wakes nobody who sleeps.
	works := met && l.met
	if l.rung {
		works = l.uses(now, s)
	}
	if l.active(now, s) || works {
		l.activeAt = now
	}
	l.met = met
	switch {
	case waits > 0 && room:
		return lookWaiting
	case waits > 0:
		return lookFull
	}
	rest := now - l.activeAt
	if l.rung {
		return min(max(rest/fadingRung, lookActive), lookRung)
	}
	quiet := max(min(rest/fading, lookQuiet), rest/sleeping)
	return min(max(min(quiet, (now-l.metAt)/fading), lookActive), lookAsleep)
}

// uses reports whether the program uses more of a processor than any look does.
func (l *look) uses(now time.Duration, s Sample) bool {
	if now-l.at < atWorkFor {
		return false
	}
	did := s.CPU-l.used > (now-l.at)/atWork
	l.at, l.used = now, s.CPU
	return did
}

// active reports whether the program's goroutines start often, and more often than the one that looks: looking
// never costs more than what it is for.
func (l *look) active(now time.Duration, s Sample) bool {
	l.looks++
	others := int64(s.Starts-l.starts) - int64(l.looks)
	if l.looks < activity && others < lively {
		return false
	}
	did := others > max(int64(l.looks), int64((now-l.since)/seldom))
	l.looks, l.starts, l.since = 0, s.Starts, now
	return did
}
