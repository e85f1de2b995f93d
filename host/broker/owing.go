package broker

import (
	"fmt"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Owing is how a guest gives back memory that it should not hold any more. The host counts on no guest's goodwill: it
// watches how many bytes come back each second.
//
//	""         owes nothing, or has just been told
//	reminded   gave back too little in its first window; the grant was repeated
//	frozen     too little in the next: it is uncooperative. There is an alarm, it gets nothing more, and has
//	           the vCPUs it is guaranteed and no more
//	dying      it held for too long what somebody else needs: it is to be killed
//
// A window in which enough came back starts all over; owing nothing ends it. Nobody goes on to the next stage
// while nobody lacks what is owed, and nobody is killed but for a guest that waits to boot, lacks what it is
// guaranteed, or has threads that wait for memory; and then one guest at a time.
//
// Invariant: Due is 0 or the end of a window that began at Since.
type Owing struct {
	Stage Stage         `json:"stage"`
	Since time.Duration `json:"since"` // when the window began
	From  int64         `json:"from"`  // what its device held then, bytes
	Due   time.Duration `json:"due"`   // when it is judged; 0 = it owes nothing
	Found int           `json:"found"` // how often it was found uncooperative
}

// Stage is how far the host has gone against a guest that does not give memory back.
type Stage string

// The stages, in their order.
const (
	StageNone     Stage = ""
	StageReminded Stage = "reminded"
	StageFrozen   Stage = "frozen"
	StageDying    Stage = "dying"
)

func (o Owing) frozen() bool { return o.Stage == StageFrozen || o.Stage == StageDying }

// owedSlack is the least that is worth a judgement, in blocks, and owedParts the same as a part of what the guest should
// have. Single pages that do not move pin blocks, and no guest should die of that.
const (
	owedSlack = 4
	owedParts = 64
)

// owed is how much the guest should have given back and has not, in bytes.
func (b *Broker) owed(g *member) int64 {
	m := &g.Memory
	if over := m.Upper - m.Target; g.Phase == PhaseRunning && m.Moving == MovingNot && over > max(owedSlack*b.cfg.Block, m.Target/owedParts) {
		return over
	}
	return 0
}

// judgeOwing looks at what a guest owes.
func (b *Broker) judgeOwing(g *member) {
	o, owed := &g.Memory.Owing, b.owed(g)
	switch {
	case o.Stage == StageDying && !g.killed: // somebody else was told, before a restart
		b.kill(g, fmt.Sprintf("it owes %s that others need", size(owed)))
	case o.Stage == StageDying:
	case owed == 0:
		if o.frozen() {
			b.note(g.ID, "gave back what it owed, may grow again")
		}
		*o = Owing{Found: o.Found}
	case o.Due == 0:
		b.window(g, b.cfg.Within)
	case b.s.Now >= o.Due:
		b.judgeWindow(g, owed)
	}
}

// window begins a window.
func (b *Broker) window(g *member, long time.Duration) {
	o := &g.Memory.Owing
	o.Since, o.From, o.Due = b.s.Now, g.Memory.Seen, b.s.Now+long
}

// judgeWindow judges the window that is over.
func (b *Broker) judgeWindow(g *member, owed int64) {
	o := &g.Memory.Owing
	gave, took := max(0, o.From-g.Memory.Seen), b.s.Now-o.Since
	rate := int64(float64(gave) / took.Seconds())
	switch enough := rate >= b.cfg.ShrinkRate; {
	case enough && o.frozen():
		b.note(g.ID, "gives back %s/s again, may grow again", size(rate))
		fallthrough
	case enough:
		o.Stage = StageNone
		b.window(g, b.cfg.Within)
	case !b.lacking():
		b.window(g, max(b.cfg.Within, o.Due-o.Since))
	case o.Stage == StageNone:
		o.Stage = StageReminded
		b.window(g, 3*b.cfg.Within)
	case o.Stage == StageReminded:
		o.Stage = StageFrozen
		o.Found++
		b.do(Alarm{Guest: g.ID, Text: fmt.Sprintf("uncooperative: owes %s and gave back %s in %v", size(owed), size(gave), took.Round(time.Millisecond))})
		b.window(g, max(b.cfg.KillAfter, b.cfg.Within))
	case b.sum.dying > 0: // what it leaves may be enough
		o.Due = b.s.Now + b.cfg.RetryLeast
	case b.cfg.KillAfter < 0 || !b.needed():
		b.window(g, b.cfg.Within)
	default:
		o.Stage, o.Due = StageDying, 0
		why := fmt.Sprintf("it owes %s that others need, gave back %s in the last %v, and had been told, reminded and frozen", size(owed), size(gave), took.Round(time.Millisecond))
		b.kill(g, why)
	}
	b.account(g)
}

// kill has a guest killed.
func (b *Broker) kill(g *member, why string) {
	g.killed = true
	b.do(Kill{Guest: g.ID, Why: why})
}

// lacking reports whether anybody could do with what is owed.
func (b *Broker) lacking() bool { return b.hungry.Len() > 0 || len(b.waiting) > 0 }

// needed reports whether somebody needs it: it waits to boot, lacks what is guaranteed, or stalls.
func (b *Broker) needed() bool {
	if len(b.waiting) > 0 {
		return true
	}
	g := b.hungry.first()
	return g != nil && (g.Demand.Urgency >= hvcall.UrgencySoon || g.Memory.Upper < g.Bounds.Min)
}
