package pid1

import (
	"time"

	"github.com/silo-os/silo/internal/recent"
)

// outside estimates what an application will need that does not say so itself. It needs its working set, which
// is what it is charged less the pages of files it has not used lately; a quarter more; what it may take while
// a grant is on its way; and more than that while it waits for pages that were dropped: then the
// working set is larger than it looks.
type outside struct {
	rate    recent.High
	lately  recent.Window
	last    int64         // working set when the rate was last measured
	lastAt  time.Duration // when that was
	started bool

	pressure   time.Duration // as read at pressureAt
	pressureAt time.Duration
	short      bool // it waited for dropped pages for more than pressureShare of the time
}

const (
	outsideSettle = 5 * time.Second
	outsideHalf   = time.Second
	outsideLate   = 0.15 // seconds from a reading to its grant, with room for a busy host
	outsideRoom   = 8 * mib

	// outsideSpan is the least time over which a rate is measured: what came between two looks a fraction of a millisecond
	// apart is a burst and no rate. outsideAhead, or the working set if that is more, is all that a rate has reserved ahead.
	outsideSpan  = 5 * time.Millisecond
	outsideAhead = 32 * mib

	// pressureShare of the time spent waiting, in parts, is too much, looked at over pressureSpan.
	pressureShare = 10
	pressureSpan  = 500 * time.Millisecond
)

// step takes in a reading and returns the share, in bytes, that the application should be able to hold.
func (o *outside) step(now time.Duration, r Reading) int64 {
	working := max(0, r.Charged-r.Cache)
	switch dt := now - o.lastAt; {
	case !o.started || working <= o.last:
		o.last, o.lastAt, o.started = working, now, true
	case dt >= outsideSpan:
		o.rate.Add(now, float64(working-o.last)/dt.Seconds(), outsideHalf)
		o.last, o.lastAt = working, now
	}
	o.press(now, r.Pressure)
	room := max(outsideRoom, working/4)
	if o.short {
		room = max(2*room, r.Charged-working+outsideRoom)
	}
	ahead := min(int64(o.rate.Get(now, outsideHalf)*outsideLate), max(working, outsideAhead))
	return o.lately.Add(now, working+room+ahead, outsideSettle)
}

// press learns how much of the time somebody waited.
func (o *outside) press(now, waited time.Duration) {
	span := now - o.pressureAt
	if span < pressureSpan {
		return
	}
	o.short = (waited-o.pressure)*pressureShare > span
	o.pressure, o.pressureAt = waited, now
}
