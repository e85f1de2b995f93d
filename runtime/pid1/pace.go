package pid1

import (
	"time"

	"github.com/silo-os/silo/internal/recent"
)

const (
	// calmAfter is how long nothing may have moved before the control loop looks less often.
	calmAfter = time.Second

	// calmMoves is the least change of what is charged, free or plugged that counts as one, bytes. What comes and goes with a
	// timer in an idle program is less.
	calmMoves = mib

	// calmShare of one vCPU, in parts, is what an idle program may use at most.
	calmShare = 10

	// hurryFor is how long the loop looks often when the kernel's own share has grown beyond what it was within hurrySpan: no mark
	// tells of that.
	hurryFor  = 200 * time.Millisecond
	hurrySpan = 5 * time.Second
)

// pace finds out whether anything happens in the guest. It is pure; now is the time since any fixed moment.
//
//	lively   something moved within calmAfter. Time moves it on.
//	calm     nothing did. A reading that differs moves it on, or processor time that was used.
//
// Whatever is urgent needs no look: the application's word, what it is charged (marks), a grant and a thread at the gate wake the loop
// themselves.
type pace struct {
	moved  time.Duration // when something did last
	seen   Reading       // at that time
	used   time.Duration // processor time of the application, when it was looked at last
	usedAt time.Duration

	own   recent.Window // what is neither free nor the application's
	most  int64         // of it, within hurrySpan
	hurry time.Duration // until when
}

// looked takes in a reading.
func (p *pace) looked(now time.Duration, r Reading) {
	if r.Stalled || differs(r.Charged, p.seen.Charged) || differs(r.Free, p.seen.Free) || differs(r.Total, p.seen.Total) {
		p.moved, p.seen = now, r
	}
	own := r.Total - r.Free - r.Charged
	if p.most != 0 && own-p.most >= calmMoves {
		p.hurry = now + hurryFor
	}
	p.most = p.own.Add(now, own, hurrySpan)
}

// hurries reports that the kernel's own share grows.
func (p *pace) hurries(now time.Duration) bool { return now < p.hurry }

// ran takes in the processor time that the application has used since its start.
func (p *pace) ran(now, used time.Duration) {
	if (used-p.used)*calmShare > now-p.usedAt {
		p.moved = now
	}
	p.used, p.usedAt = used, now
}

func (p *pace) calm(now time.Duration) bool { return now-p.moved >= calmAfter }

func differs(a, b int64) bool { return a-b >= calmMoves || b-a >= calmMoves }
