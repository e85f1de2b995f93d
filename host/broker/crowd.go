package broker

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Room is what a host has to spare.
type Room struct {
	Memory   int64 `json:"memory"`    // bytes
	MilliCPU int64 `json:"milli_cpu"` // thousandths of a processor
}

// Peer is another host that guests could move to.
type Peer struct {
	Name string        `json:"name"`
	Free Room          `json:"free"`
	At   time.Duration `json:"at"` // when it said so
}

// Crowd is whether the guests want more than the host should have to divide, for how long, and the
// hosts that could take one of them. Above the watermark for MoveAfter the broker names a guest to move, and then at
// most once in MoveAfter, because moving takes its time. Far above it, where no price could settle it, and where a peer is known,
// the first is named sooner: in inverse proportion to what is wanted in excess, down to a quarter.
//
// Which one: moving costs what is held and in use, for that must be copied, and it relieves by what is wanted. So of those whose
// leaving would be enough the one that uses least, and where none is enough the one that relieves most. Where
// peers have room, only guests that fit there, to the peer with the most room. A guest that was found
// uncooperative, or misbehaves, is not handed on to others.
type Crowd struct {
	Since time.Duration `json:"since"` // above the watermark since
	Next  time.Duration `json:"next"`  // when to name a guest; 0 = not above the watermark
	Named bool          `json:"named"` // one was named: the next is when something happens after Next
	Peers []Peer        `json:"peers"` // by name
}

const (
	// The watermark is above 15/16 of what is usable, where the price begins to fall: what a price can
	// settle needs no move. 18/16 is where it rises.
	crowdMark = priceFull
	// peerFresh is how long what a peer said is believed.
	peerFresh = 30 * time.Second
)

// peerSeen notes what a peer has to spare. One without room is forgotten.
func (b *Broker) peerSeen(e PeerSeen) {
	c := &b.s.Crowd
	at, found := slices.BinarySearchFunc(c.Peers, e.Peer, func(p Peer, name string) int { return cmp.Compare(p.Name, name) })
	p := Peer{Name: e.Peer, Free: e.Free, At: b.s.Now}
	switch gone := e.Free == (Room{}); {
	case gone && found:
		c.Peers = slices.Delete(c.Peers, at, at+1)
	case gone:
	case found:
		c.Peers[at] = p
	default:
		c.Peers = slices.Insert(c.Peers, at, p)
	}
}

// watch sees whether a guest should move.
func (b *Broker) watch() {
	c, usable := &b.s.Crowd, b.s.Capacity.usable()
	mark := usable / priceParts * crowdMark
	switch {
	case b.sum.wants <= mark:
		c.Since, c.Next, c.Named = 0, 0, false
	case c.Next == 0:
		c.Since, c.Next = b.s.Now, b.s.Now+b.moveAfter(b.sum.wants-usable)
	case !c.Named && b.s.Now < c.Next:
		c.Next = min(c.Next, max(b.s.Now, c.Since+b.moveAfter(b.sum.wants-usable)))
	}
	if c.Next != 0 && b.s.Now >= c.Next && b.sum.dying == 0 {
		c.Next, c.Named = b.s.Now+b.cfg.MoveAfter, true
		b.propose(b.sum.wants - usable)
	}
}

// moveAfter is for how long so many bytes must be wanted in excess before a guest is named.
func (b *Broker) moveAfter(excess int64) time.Duration {
	if !b.knowsPeer() {
		return b.cfg.MoveAfter
	}
	least := b.s.Capacity.usable() / priceParts * (crowdMark - priceParts)
	return max(b.cfg.MoveAfter/4, time.Duration(float64(b.cfg.MoveAfter)*min(1, float64(least)/float64(max(excess, 1)))))
}

// propose names the guest whose leaving relieves the host best of so many bytes of wants.
func (b *Broker) propose(excess int64) {
	var best *member
	var to string
	known := b.knowsPeer()
	for _, g := range b.members {
		if g.Phase != PhaseRunning || g.Memory.Owing.frozen() || g.Conduct.Bad || g.Bounds.Fixed || g.Memory.Moving != MovingNot {
			continue
		}
		peer := b.placeFor(g)
		if known && peer == "" || best != nil && !b.betterMove(g, best, excess) {
			continue
		}
		best, to = g, peer
	}
	why := fmt.Sprintf("the guests have wanted %s more than there is to give since %v", size(excess), b.s.Crowd.Since)
	switch {
	case best == nil && known:
		b.note("", "no guest fits on a peer: %s", why)
	case best != nil:
		b.do(ProposeMove{Guest: best.ID, To: to, Needs: best.needs(), Holds: best.Memory.Upper, Why: why})
	}
}

// betterMove reports whether to move x is better than to move y.
func (b *Broker) betterMove(x, y *member, excess int64) bool {
	xEnough, yEnough := b.counted(&x.Guest) >= excess, b.counted(&y.Guest) >= excess
	switch {
	case xEnough != yEnough:
		return xEnough
	case xEnough:
		return x.inUse() < y.inUse()
	}
	return b.counted(&x.Guest) > b.counted(&y.Guest)
}

// inUse is what must be copied of the guest when it moves, as far as that is known: bytes.
func (g *Guest) inUse() int64 { return max(0, g.Memory.Upper-g.Memory.Use.Idle) }

// needs is the room the guest needs elsewhere.
func (g *Guest) needs() Room { return Room{Memory: g.Memory.Want, MilliCPU: g.CPU.Want} }

func (b *Broker) knowsPeer() bool { return slices.ContainsFunc(b.s.Crowd.Peers, b.fresh) }

func (b *Broker) fresh(p Peer) bool { return b.s.Now-p.At <= peerFresh }

// placeFor is the peer with the most room of those where the guest fits; "" = there is none.
func (b *Broker) placeFor(g *member) string {
	var best Peer
	n := g.needs()
	for _, p := range b.s.Crowd.Peers {
		if b.fresh(p) && p.Free.Memory >= n.Memory && p.Free.MilliCPU >= n.MilliCPU && p.Free.Memory > best.Free.Memory {
			best = p
		}
	}
	return best.Name
}
