package broker

import (
	"math"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Price is the price of memory on a host, in the unit of [hvcall.Grant]: micro-vCPUs of collection
// that one GiB held is worth; 0 = plenty.
//
// The guests answer a price by the square-root rule (Kirisame, Shenoy, Panchekha: Optimal Heap Limits
// for Reducing Browser Memory Use, OOPSLA 2022): heaps that all see the same price, each choosing for
// itself, divide memory so that no other division costs less collection. What is left for
// the host is to find the price at which their wants add up to what there is. That needs no
// knowledge of any guest: while the wants exceed what is usable by an eighth the price rises, while they leave
// plenty it falls, in proportion to how far off they are.
//
//	price × (wants / aim)ⁿ, at most × or ÷ 4, once in a period
//
// Extra heap goes with 1/√price, so wants answer a step with n = 1 by at most half of what it was off by, less
// for the live data among them. That is far from where a delay of two periods could make it swing. But
// prices differ by orders of magnitude, and a price far off is not answered at all: so n grows by one
// with each move that the wants did not answer, and is 1 again once they do. Between calm and full
// nothing moves, so the price comes to rest.
//
// A guest that does not answer makes the price dearer for the others, up to priceMost: each then collects up to five
// times as often as it would alone. What it gives up that way it could have kept: its share by
// max-min does not depend on the price.
//
// Invariants: Told is 0 or between priceFirst and priceMost, changes at most once in a period, and
// then by an eighth of itself or more; Next is in the future or 0.
type Price struct {
	Told  uint64        `json:"told"`  // what guests are told
	Exact float64       `json:"exact"` // what it should be; Told follows in larger steps
	Next  time.Duration `json:"next"`  // when it may move; 0 = it is where it should be
	Wants int64         `json:"wants"` // at the last move, bytes
	Vain  int           `json:"vain"`  // moves since the wants last came nearer
}

const (
	// pricePeriod is how often the price may move. Guests raise their demand at once but need a collection, and up
	// to 0.7 s, to lower it, so whoever looks more often sees nothing new; and a shortage that is over
	// before was none.
	pricePeriod = 500 * time.Millisecond

	// priceFirst is the least price above 0. Guests blend into the rule up to 2¹⁸, so a sixteenth of that
	// is hardly different from nothing.
	priceFirst = 1 << 14

	// priceMost is where every heap that does anything is as small as its guest makes it: a heap of 10 MiB
	// that allocates 500 MB/s and marks as fast is at a quarter of itself by 1.7 × 10⁹.
	priceMost = 1 << 32

	// priceStep is the largest factor of one move: nine periods from one end to the other. A heap answers it
	// with half or twice its extra.
	priceStep = 4

	// Shares of what is usable, in sixteenths: below calm there is plenty, above full too little, and the
	// price aims between them, a little above all there is. A want is more than a need: it has margins, is
	// rounded up, and stands until a guest could do with an eighth less. A price at which
	// all wants fit would leave that much unused; what exceeds is divided by sharing.
	priceCalm, priceAim, priceFull, priceParts = 15, 17, 18, 16

	// priceNews is the least change worth telling, as a part of what was told.
	priceNews = 1.0 / 8

	// priceAnswer is the least change of the wants that counts as an answer, as a part of what is usable.
	priceAnswer = 64
)

// step returns the price after a moment in which guests together want so many bytes of what is usable.
func (p Price) step(now time.Duration, wants, usable int64) Price {
	switch {
	case !p.off(wants, usable):
		p.Next, p.Vain = 0, 0
		return p
	case p.Next == 0:
		p.Next = now + pricePeriod // what is over by then was nothing
		return p
	case now < p.Next:
		return p
	}
	p.Next = now + pricePeriod
	p.move(wants, usable)
	if !p.off(wants, usable) { // at an end of its range
		p.Next = 0
	}
	return p
}

// off reports whether the price should be another one.
func (p Price) off(wants, usable int64) bool {
	if wants > usable/priceParts*priceFull {
		return p.Exact < priceMost
	}
	return p.Exact > 0 && wants < usable/priceParts*priceCalm
}

// move takes the price one period on. Below priceFirst it is 0, and from there it begins.
func (p *Price) move(wants, usable int64) {
	aim := max(usable/priceParts*priceAim, 1)
	off, was := wants-aim, p.Wants-aim
	answered := (off < 0) != (was < 0) || abs(was)-abs(off) > usable/priceAnswer
	if p.Vain++; answered {
		p.Vain = 1
	}
	p.Wants = wants
	factor := math.Pow(float64(wants)/float64(aim), float64(p.Vain))
	next := p.Exact * min(max(factor, 1.0/priceStep), priceStep)
	switch {
	case p.Exact == 0:
		next = priceFirst
	case next < priceFirst:
		next = 0
	}
	p.Exact = min(next, priceMost)
	p.Told = told(p.Told, p.Exact)
}

// told is what guests hear of a price when they were told another one before.
func told(before uint64, exact float64) uint64 {
	if exact != 0 && before != 0 && math.Abs(exact-float64(before)) < priceNews*float64(before) {
		return before
	}
	return min(uint64(exact), hvcall.MaxPrice)
}

func abs(n int64) int64 { return max(n, -n) }
