package alloc

// hugePage is the size in which an arena takes and gives back memory.
const hugePage = 2 * mib

// pageState is where one huge page of an arena stands.
//
//	away    nothing is there, and nobody may touch it   moved on by claim
//	coming  an allocation has it granted and touched;   moved on by came: to here, or back to away
//	        others that need it wait
//	here    it may be used                              moved on by the last drop
type pageState uint8

const (
	pageAway pageState = iota
	pageComing
	pageHere
)

// page is a huge page of an arena.
type page struct {
	used  int32 // bytes allocated
	state pageState
}

// pages are those of an arena, in order. Pure.
type pages []page

func newPages(size int64) pages { return make(pages, (size+hugePage-1)/hugePage) }

// each calls f with each page under e, and how many bytes of it e covers.
func (p pages) each(e extent, f func(i int64, covers int32)) {
	for i := e.at / hugePage; i*hugePage < e.end(); i++ {
		f(i, int32(min(e.end(), (i+1)*hugePage)-max(e.at, i*hugePage)))
	}
}

// use takes in that e is allocated.
func (p pages) use(e extent) {
	p.each(e, func(i int64, covers int32) { p[i].used += covers })
}

// drop takes in that e is allocated no more, and returns the pages that nobody uses now: they are away.
func (p pages) drop(e extent) (unused []extent) {
	p.each(e, func(i int64, covers int32) {
		p[i].used -= covers
		if p[i].used == 0 && p[i].state == pageHere {
			p[i].state = pageAway
			unused = appendPage(unused, i)
		}
	})
	return unused
}

// claim returns the pages under e that the caller must have come, and whether others are coming for somebody else.
func (p pages) claim(e extent) (mine []extent, others bool) {
	p.each(e, func(i int64, _ int32) {
		switch p[i].state {
		case pageAway:
			p[i].state = pageComing
			mine = appendPage(mine, i)
		case pageComing:
			others = true
		}
	})
	return mine, others
}

// came takes in how the wait for claimed pages ended.
func (p pages) came(claimed []extent, state pageState) {
	for _, e := range claimed {
		p.each(e, func(i int64, _ int32) { p[i].state = state })
	}
}

// here returns the pages that are.
func (p pages) here() (runs []extent) {
	for i := range p {
		if p[i].state == pageHere {
			runs = appendPage(runs, int64(i))
		}
	}
	return runs
}

// appendPage adds a page to runs of such.
func appendPage(runs []extent, i int64) []extent {
	if n := len(runs); n > 0 && runs[n-1].end() == i*hugePage {
		runs[n-1].size += hugePage
		return runs
	}
	return append(runs, extent{i * hugePage, hugePage})
}
