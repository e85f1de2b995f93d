package broker

import "time"

// Ran says what a guest's vCPUs did since the last time, measured on the host, whatever the guest says.
type Ran struct {
	Guest GuestID
	Used  int64 // thousandths of a processor
	Steal int64 // thousandths of the granted time that others on the host took

	// Wanted is what they used and what they waited for, granted or not, in thousandths of a processor; less than Used
	// counts as Used.
	Wanted int64
}

// About is the guest that it happened to.
func (e Ran) About() GuestID { return e.Guest }

const (
	// Single readings say little: a guest waits for its disk, or the host has a hiccup.
	enoughReadings = 2

	// A guest is idle that uses less than a quarter of one vCPU, and until it uses half of one: each change is a word to
	// the guest, which must not be said for noise. What it waits for counts, or that it is idle would be the word of who keeps
	// it from working, but not once: what an idle guest does by itself waits now and then on a host that another one keeps busy.
	idleBelow, busyFrom = 250, 500

	// crowdedAt is the steal, in thousandths, from which on a vCPU more is a vCPU that others are kept from, and
	// crowdedFor how many readings in a row must show that: what two vCPUs do in a burst of a second is not worth a quarrel.
	crowdedAt, crowdedFor = 250, 4
)

// Load is what was measured of a guest's vCPUs, and what follows.
type Load struct {
	Used    int64 `json:"used"`    // thousandths of a processor
	Steal   int64 `json:"steal"`   // thousandths of the granted time
	Low     int   `json:"low"`     // readings in a row in which it used hardly anything
	High    int   `json:"high"`    // readings in a row in which it wanted to do something
	Idle    bool  `json:"idle"`    // it has no use for what it holds
	Crowded int   `json:"crowded"` // readings in a row in which others took a quarter and more
	Most    int64 `json:"most"`    // whole vCPUs, in thousandths, that there is room for beside the others; 0 = for all
	Lift    Retry `json:"lift"`    // when more is tried again
}

// ran takes in a reading.
func (l Load) ran(now time.Duration, granted int64, e Ran, least, most time.Duration) Load {
	l.Used, l.Steal = max(0, e.Used), clamp(e.Steal, 0, 1000)
	wants := max(l.Used, e.Wanted) >= busyFrom
	l.Low = counted(l.Low, l.Used < idleBelow && !wants, enoughReadings)
	l.High = counted(l.High, wants, enoughReadings)
	works := l.Used >= busyFrom || l.High >= enoughReadings
	l.Idle = l.Low >= enoughReadings || l.Idle && !works
	l.Crowded = counted(l.Crowded, l.Steal >= crowdedAt && granted > 1000, crowdedFor)
	if l.Crowded >= crowdedFor {
		l.Most = max(1000, granted*(1000-l.Steal)/1_000_000*1000)
		l.Crowded, l.Lift = 0, l.Lift.failed(now, least, most)
	} else if l.Most == 0 && l.Lift.due(now-l.Lift.Wait) {
		l.Lift = Retry{} // it went well for as long as it was denied
	}
	return l
}

// counted is a count of readings in a row, up to most.
func counted(n int, yes bool, most int) int {
	if !yes {
		return 0
	}
	return min(n+1, most)
}

// lifted ends the bound when it is time to try again.
func (l Load) lifted(now time.Duration) Load {
	if l.Most != 0 && l.Lift.due(now) {
		l.Most = 0
	}
	return l
}

// lift ends the bound of a guest when it is time to.
func (b *Broker) lift(g *member) {
	if l := g.CPU.Load.lifted(b.s.Now); l != g.CPU.Load {
		g.CPU.Load = l
		b.account(g)
	}
}

// claims is what a guest's want counts for when vCPUs are shared out. Where there is not enough for all, one that leaves its
// vCPUs idle has no claim to more than it is sure of: what it uses is measured, what it wants is only said.
func (l Load) claims(want, low int64, scarce bool) int64 {
	if l.Most != 0 {
		want = min(want, l.Most)
	}
	if scarce && l.Idle {
		want = low
	}
	return max(want, low)
}

// woken says that the guest has work now, whatever was measured before.
func (l Load) woken() Load {
	l.Low, l.Idle = 0, false
	return l
}
