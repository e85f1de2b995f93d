package broker

import (
	"fmt"
	"time"
)

// Misbehaved says that a guest breaks the rules of the calls, as its host sees it: it sends more than is read, or what has no
// meaning. It is said again as long as that goes on. That a guest is late is no misbehaviour: its host may be slow.
type Misbehaved struct {
	Guest GuestID
	Why   string
}

// About is the guest that it happened to.
func (e Misbehaved) About() GuestID { return e.Guest }

// Conduct is whether a guest keeps to the rules of the calls. What a guest that does not costs its host would be taken from
// others. So while it misbehaves it comes last: it has processor time that no other guest wants, and beside them next to
// none, whatever its weight, what it is guaranteed, and what it says. Its memory is its own matter ([Owing]).
//
//	good    moved on by Misbehaved
//	bad     moved back when it was not said for Wait, which is longer when it has been bad not long ago
//
// Invariant: Bad is before Until only.
type Conduct struct {
	Bad   bool          `json:"bad"`
	Until time.Duration `json:"until"` // when it is good again, or was
	Wait  time.Duration `json:"wait"`
}

const (
	// lastMilli is what a guest that misbehaves is sure of, in thousandths: enough to come to an end.
	lastMilli = 10
	// lastWithin is the time for which it may use vCPUs that it was told to do without. It is owed no patience.
	lastWithin = 50 * time.Millisecond
	// calmLeast and calmMost are for how long a guest must be calm.
	calmLeast, calmMost = 10 * time.Second, time.Minute
)

// seen takes in that the guest misbehaves. Who kept calm only to begin again must do so for longer.
func (c Conduct) seen(now time.Duration) Conduct {
	switch {
	case c.Bad:
	case c.Wait > 0 && now-c.Until < 2*c.Wait:
		c.Wait = min(2*c.Wait, calmMost)
	default:
		c.Wait = calmLeast
	}
	c.Bad, c.Until = true, now+c.Wait
	return c
}

// after takes in the time.
func (c Conduct) after(now time.Duration) Conduct {
	c.Bad = c.Bad && now < c.Until
	return c
}

// misbehaved takes in that a guest misbehaves.
func (b *Broker) misbehaved(g *member, e Misbehaved) {
	if g.Phase != PhaseRunning {
		return
	}
	if !g.Conduct.Bad {
		b.do(Alarm{Guest: g.ID, Text: fmt.Sprintf("misbehaves, and has what processor time the others leave until it is calm: %s", e.Why)})
	}
	g.Conduct = g.Conduct.seen(b.s.Now)
}

// pardon ends the misbehaviour of a guest that has been calm for long enough.
func (b *Broker) pardon(g *member) {
	if c := g.Conduct.after(b.s.Now); c != g.Conduct {
		g.Conduct = c
		b.note(g.ID, "has been calm for %v", c.Wait)
		b.account(g)
	}
}
