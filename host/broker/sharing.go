package broker

// claim is one member's part in sharing something that comes in whole units.
type claim struct {
	low    int64 // units it keeps whatever the others want
	want   int64 // units it has use for; at least low
	weight int64 // 1 to 1<<shareShift

	rise int64 // the level from which its share is above low
	full int64 // the level from which its share is want
}

// shareShift makes a level so fine that one more of it is at most one more unit for the heaviest claim: weights are
// below maxWeight × taxScale.
const shareShift = 20

func newClaim(low, want, weight int64) claim {
	c := claim{low: low, want: max(low, want), weight: max(weight, 1)}
	c.rise, c.full = levelOf(c.low, c.weight), levelOf(c.want, c.weight)
	return c
}

// levelOf is the least level at which a weight has so many units.
func levelOf(units, weight int64) int64 { return (units<<shareShift + weight - 1) / weight }

// at is the claim's share at a level. Above whole, shares are multiples of it; 0 = any number will do. The
// products stay below want << shareShift, which fits.
func (c *claim) at(level, whole int64) int64 {
	switch {
	case level >= c.full:
		return c.want
	case level < c.rise:
		return c.low
	}
	v := level * c.weight >> shareShift
	if whole > 0 && v > whole {
		v = max(v-v%whole, c.low)
	}
	return v
}

// sharing divides something among claims: the weighted max-min share of what each wants, but not below low. If
// even the lows exceed what there is each gets its low: what is promised is not shared.
//
// There is one level, units per weight, at which the shares (level × weight, within low and want) add up to what
// is there. The rest, lost to rounding, goes to the first who would get more at the next level. So the shares
// are a function of the claims, their order and what there is, whatever was there before.
//
// What was there before is where the search begins: one changed claim among thousands moves the level by a hair.
// A round of the search is one pass over all claims; Newton's method takes a few, because between
// two claims' ends the sum is a straight line. While there is enough for all, only what changed is looked at.
type sharing struct {
	whole  int64 // see claim.at
	claims []claim
	got    []int64 // the shares

	wants, lows int64 // sums over the claims
	avail       int64 // what the shares add up to at most
	level       int64 // the least at which the shares exceed avail, when scarce
	left        int64 // what is left of avail one level below
	scarce      bool
	stale       []int // claims that changed since the last solve
	all         bool  // everything did
}

// add appends a claim of nothing. That its share is nothing is news, too.
func (s *sharing) add() {
	s.stale = append(s.stale, len(s.claims))
	s.claims = append(s.claims, newClaim(0, 0, 1))
	s.got = append(s.got, -1)
}

// remove takes a claim out; those after it move up.
func (s *sharing) remove(i int) {
	s.wants, s.lows = s.wants-s.claims[i].want, s.lows-s.claims[i].low
	s.claims = append(s.claims[:i], s.claims[i+1:]...)
	s.got = append(s.got[:i], s.got[i+1:]...)
	s.all, s.stale = true, s.stale[:0]
}

// set states a claim.
func (s *sharing) set(i int, low, want, weight int64) {
	c := &s.claims[i]
	if c.low == low && c.want == max(low, want) && c.weight == weight {
		return
	}
	s.wants, s.lows = s.wants-c.want, s.lows-c.low
	*c = newClaim(low, want, weight)
	s.wants, s.lows = s.wants+c.want, s.lows+c.low
	s.stale = append(s.stale, i)
}

// solve finds the shares of avail and calls changed for each that is another one than before, and for each while
// all is set.
func (s *sharing) solve(avail int64, changed func(i int)) {
	if !s.all && len(s.stale) == 0 && avail == s.avail {
		return
	}
	was := s.scarce
	s.avail, s.scarce = avail, s.wants > avail
	switch {
	case s.scarce:
		s.find()
		s.fill(changed)
	case s.all || was:
		for i := range s.claims {
			s.put(i, s.claims[i].want, changed)
		}
	default:
		for _, i := range s.stale {
			s.put(i, s.claims[i].want, changed)
		}
	}
	s.all, s.stale = false, s.stale[:0]
}

func (s *sharing) put(i int, units int64, changed func(int)) {
	if s.all || s.got[i] != units {
		s.got[i] = units
		changed(i)
	}
}

// newtonRounds is after how many rounds of the search halving is surer.
const newtonRounds = 8

// find sets level and left. The sum of shares exceeds avail at most at level `most` and never at `least`.
func (s *sharing) find() {
	if s.lows >= s.avail {
		s.level = 1
		return
	}
	least, most := int64(0), int64(1)<<52
	for round := 0; ; round++ {
		s.level = clamp(s.level, least+1, most)
		below, at, weight := s.sums(s.level)
		switch {
		case below > s.avail:
			most = s.level - 1
		case at <= s.avail:
			least = s.level
		default:
			s.left = s.avail - below
			return
		}
		if weight == 0 || round >= newtonRounds {
			s.level = least + (most-least+1)/2
		} else {
			s.level += ((s.avail - at) << shareShift) / weight
		}
	}
}

// sums returns what the shares add up to one level below and at a level, and the weight of those that move there.
func (s *sharing) sums(level int64) (below, at, weight int64) {
	for i := range s.claims {
		c := &s.claims[i]
		switch {
		case level > c.full:
			below, at = below+c.want, at+c.want
		case level < c.rise:
			below, at = below+c.low, at+c.low
		default:
			below, at, weight = below+c.at(level-1, s.whole), at+c.at(level, s.whole), weight+c.weight
		}
	}
	return below, at, weight
}

// fill gives each claim its share one level below, and what is left to the first who get more at level.
func (s *sharing) fill(changed func(int)) {
	if s.lows >= s.avail {
		for i := range s.claims {
			s.put(i, s.claims[i].low, changed)
		}
		return
	}
	left := s.left
	for i := range s.claims {
		c := &s.claims[i]
		units := c.at(s.level-1, s.whole)
		if left > 0 { // more than a unit where they are to be whole: the last to get some gets a part
			more := min(left, c.at(s.level, s.whole)-units)
			units, left = units+more, left-more
		}
		s.put(i, units, changed)
	}
}
