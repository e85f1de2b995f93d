package alloc

import (
	"fmt"

	"github.com/silo-os/silo/hvcall"
)

// RefusedError says that memory asked for by name was not granted.
type RefusedError struct {
	Wanted  int64        // bytes asked for
	Granted int64        // bytes the application holds in all
	Limit   hvcall.Limit // what stands against more
	Err     error        // why the wait ended: a context's error, or nil when the answer is final
}

// Error implements error.
func (e *RefusedError) Error() string {
	s := fmt.Sprintf("reserve %d bytes: %d are granted in all, limited by: %s", e.Wanted, e.Granted, e.Limit)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns why the wait ended.
func (e *RefusedError) Unwrap() error { return e.Err }

// admission keeps the reservations of one application in the order they were asked for. A small one
// does not overtake a large one: it could be starved for ever otherwise. Pure; the Governor owns it.
type admission struct {
	next    uint64
	waiting []ticket
	held    int64 // bytes of the admitted ones
}

type ticket struct {
	id    uint64
	bytes int64
}

// ask queues a reservation and returns its ticket. What is asked for beyond all that can be spoken of is refused all the same, and sums
// stay sums.
func (a *admission) ask(bytes int64) uint64 {
	a.next++
	a.waiting = append(a.waiting, ticket{a.next, min(bytes, hvcall.MaxMemory)})
	return a.next
}

// total is what all reservations together add to the demand.
func (a *admission) total() int64 {
	n := a.held
	for _, t := range a.waiting {
		n = min(n+t.bytes, hvcall.MaxMemory)
	}
	return n
}

// admit takes in how much room there is above everything that is not reserved, and returns who
// may go on.
func (a *admission) admit(room int64) (admitted []uint64) {
	for len(a.waiting) > 0 && a.waiting[0].bytes <= room-a.held {
		a.held += a.waiting[0].bytes
		admitted = append(admitted, a.waiting[0].id)
		a.waiting = a.waiting[1:]
	}
	return admitted
}

// leave takes a reservation out of the queue. It reports false where it had been admitted already.
func (a *admission) leave(id uint64) bool {
	for i, t := range a.waiting {
		if t.id == id {
			a.waiting = append(a.waiting[:i:i], a.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// release gives admitted bytes back.
func (a *admission) release(bytes int64) { a.held = max(0, a.held-bytes) }
