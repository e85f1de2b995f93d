package alloc

import (
	"fmt"
	"slices"
	"sort"
)

// extent is a range of an arena's address space, in bytes from its beginning.
type extent struct {
	at, size int64
}

func (e extent) end() int64 { return e.at + e.size }

// extents allocates ranges out of [0, size): first fit, so that an arena stays dense at its
// beginning and its far pages can go back. Freed ranges merge with their neighbours. Pure.
type extents struct {
	free []extent        // ordered by at, never adjacent
	live map[int64]int64 // size by beginning
}

func newExtents(size int64) *extents {
	return &extents{free: []extent{{0, size}}, live: make(map[int64]int64)}
}

// take returns the first range of n bytes, or false where none is large enough.
func (x *extents) take(n int64) (extent, bool) {
	i := slices.IndexFunc(x.free, func(e extent) bool { return e.size >= n })
	if i < 0 {
		return extent{}, false
	}
	e := extent{x.free[i].at, n}
	x.free[i].at += n
	x.free[i].size -= n
	if x.free[i].size == 0 {
		x.free = slices.Delete(x.free, i, i+1)
	}
	x.live[e.at] = n
	return e, true
}

// give takes back the range that begins at the given offset. It is an error if none in use does.
func (x *extents) give(at int64) (extent, error) {
	size, ok := x.live[at]
	if !ok {
		return extent{}, fmt.Errorf("offset %d is not the beginning of an allocation in use: freed twice, or never allocated", at)
	}
	delete(x.live, at)
	e := extent{at, size}
	i := sort.Search(len(x.free), func(i int) bool { return x.free[i].at > at })
	x.free = slices.Insert(x.free, i, e)
	if i+1 < len(x.free) && x.free[i].end() == x.free[i+1].at {
		x.free[i].size += x.free[i+1].size
		x.free = slices.Delete(x.free, i+1, i+2)
	}
	if i > 0 && x.free[i-1].end() == x.free[i].at {
		x.free[i-1].size += x.free[i].size
		x.free = slices.Delete(x.free, i, i+1)
	}
	return e, nil
}
