package broker

// division divides something among members in two rounds. Guarantees come first, then the floors that members state,
// and what is left is shared by what they want. Where the guarantees and floors together are more than there is, the
// guarantees stand and the floors share the rest: nobody's word takes away what somebody else was promised.
type division struct {
	shares sharing // above the floors
	floors sharing // between guarantees and floors
	cut    bool    // the floors were shared last
}

func (d *division) add() {
	d.shares.add()
	d.floors.add()
}

func (d *division) remove(i int) {
	d.shares.remove(i)
	d.floors.remove(i)
}

// set states what a member is guaranteed, its floor, what it wants and its weight.
func (d *division) set(i int, least, floor, want, weight int64) {
	floor = min(max(floor, least), max(want, least))
	d.shares.set(i, floor, want, weight)
	d.floors.set(i, least, floor, weight)
}

// solve finds the shares of avail and calls set with each that may be another one than before.
func (d *division) solve(avail int64, set func(i int, units int64)) {
	s, cut := &d.shares, d.shares.lows > avail
	if cut {
		s = &d.floors
	}
	if cut != d.cut {
		s.all, d.cut = true, cut
	}
	s.solve(avail, func(i int) { set(i, s.got[i]) })
}
