package threads

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// thread is one of the application's that runs or could.
type thread struct {
	tid  int
	vcpu int // on which it is
	ran  int // since its start, hundredths of a second
}

// move is a thread that goes to another vCPU.
type move struct{ tid, vcpu int }

// over says which threads go to the vCPUs that were added to those before: of each vCPU all but the one that has done most, those
// that have done more first. The least are the Go runtime's monitor and the like, which come and go in microseconds.
func over(threads []thread, from, to int) (moves []move) {
	threads = slices.SortedFunc(slices.Values(threads), func(a, b thread) int { return cmp.Compare(b.ran, a.ran) })
	busy := make([]bool, to)
	var waiting []thread
	for _, t := range threads {
		switch {
		case t.vcpu >= to:
		case busy[t.vcpu]:
			waiting = append(waiting, t)
		default:
			busy[t.vcpu] = true
		}
	}
	for vcpu := from; vcpu < to && len(waiting) > 0; vcpu++ {
		if !busy[vcpu] {
			moves = append(moves, move{waiting[0].tid, vcpu})
			waiting = waiting[1:]
		}
	}
	return moves
}

// Crowd is who ran or could have on the vCPUs of a process at one moment.
type Crowd []thread

// Spread has threads of a crowd that waited on the first vCPUs of their process run on those that were added to them, at once. The kernel
// looks for them at its ticks, and a thread that wakes stays where it last ran where no two processors share a cache, as those of a guest do
// not. One that ended meanwhile is no error.
func (c Crowd) Spread(from, to int) error {
	for _, m := range over(c, from, to) {
		if err := Send(m.tid, m.vcpu); err != nil && err != unix.ESRCH {
			return fmt.Errorf("move thread %d to vCPU %d: %w", m.tid, m.vcpu, err)
		}
	}
	return nil
}

// Send moves a thread to a vCPU and leaves it free to go wherever it was allowed to be; where it may not go, it stays. An id of 0 is the
// calling thread's.
func Send(tid, vcpu int) error {
	var allowed, there unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &allowed); err != nil {
		return err
	}
	if !allowed.IsSet(vcpu) {
		return nil
	}
	there.Set(vcpu)
	if err := unix.SchedSetaffinity(tid, &there); err != nil {
		return err
	}
	return unix.SchedSetaffinity(tid, &allowed)
}
