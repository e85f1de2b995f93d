package pid1

import "time"

const (
	// calmAfter is how long nothing may have moved before the control loop looks less often.
	calmAfter = time.Second

	// calmMoves is the least change of what is charged, free or plugged that counts as one, bytes. What comes and goes with a
	// timer in an idle program is less.
	calmMoves = mib

	// calmShare of one vCPU, in parts, is what an idle program may use at most.
	calmShare = 10
)

// pace finds out whether anything happens in the guest. It is pure; now is the time since any fixed moment.
//
//	lively   something moved within calmAfter. Time moves it on.
//	calm     nothing did. A reading that differs moves it on, or processor time that was used.
//
// Whatever is urgent needs no look: the application's word, a grant and a thread at the gate wake the loop themselves.
type pace struct {
	moved  time.Duration // when something did last
	seen   Reading       // at that time
	used   time.Duration // processor time of the application, when it was looked at last
	usedAt time.Duration
}

// looked takes in a reading.
func (p *pace) looked(now time.Duration, r Reading) {
	if r.Stalled || differs(r.Charged, p.seen.Charged) || differs(r.Free, p.seen.Free) || differs(r.Total, p.seen.Total) {
		p.moved, p.seen = now, r
	}
}

// ran takes in the processor time that the application has used since its start.
func (p *pace) ran(now, used time.Duration) {
	if (used-p.used)*calmShare > now-p.usedAt {
		p.moved = now
	}
	p.used, p.usedAt = used, now
}

func (p *pace) calm(now time.Duration) bool { return now-p.moved >= calmAfter }

func differs(a, b int64) bool { return a-b >= calmMoves || b-a >= calmMoves }
