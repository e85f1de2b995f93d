package daemon

import (
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// record is what the store has of a guest: all that a daemon needs that starts where another one was cut off.
type record struct {
	Seq      uint64        `json:"seq"` // order of creation
	Spec     nodeapi.Spec  `json:"spec"`
	State    nodeapi.State `json:"state"`
	Halted   bool          `json:"halted"` // stopped or killed by somebody: not to be started again
	Created  time.Time     `json:"created"`
	Started  time.Time     `json:"started"`
	Ended    time.Time     `json:"ended"`
	Next     time.Time     `json:"next"`     // in state backoff
	Restarts int           `json:"restarts"` // in all
	Streak   int           `json:"streak"`   // restarts since it last ran for long
	Exit     *hvcall.Exit  `json:"exit"`     // of the machine that runs, once it said so, or ran last
	Said     bool          `json:"said"`     // the machine that runs said Hello to some daemon

	// Machine is what runs, or is about to: stored before there is a process. nil = there is none.
	Machine *vmm.Config `json:"machine"`
	// Leaving is the move that this host began and has not ended; nil = there is none.
	Leaving *leaving `json:"leaving"`
	// Came is the id of the move that brought the machine here; "" = it was started here.
	Came string `json:"came"`
	// Ran says that the machine of a guest that came may have been set running here: stored before it can be.
	Ran bool `json:"ran"`
	// MovedTo is the peer that the guest runs on now; "" = it did not move.
	MovedTo string `json:"moved_to"`
	// Bounds are those set since the start; nil = the spec's.
	Bounds *broker.Bounds `json:"bounds"`
}

// alive reports whether there may be a machine, or is to be one.
func (r *record) alive() bool {
	return r.State != nodeapi.StateEnded && r.State != nodeapi.StateMoved || r.Leaving != nil && r.State != nodeapi.StateMoved
}

// leaving is a move that this host began.
type leaving struct {
	ID string `json:"id"`
	To string `json:"to"`
}

// word is what the source of a move that brought the guest here is told for good; "" = there is none.
func (r *record) word() move.DestinationState {
	switch {
	case r.Came == "" || r.State == nodeapi.StateArriving:
		return ""
	case r.State == nodeapi.StateEnded:
		return move.DestLost
	}
	return move.DestRunning
}

// host is what the store has of the host.
type host struct {
	Capacity broker.Capacity `json:"capacity"`
	LastSeq  uint64          `json:"last_seq"`
	Words    []word          `json:"words"` // oldest first
}

// word is how a move ended whose guest is forgotten here. Its source may not have heard yet.
type word struct {
	ID string                `json:"id"`
	Is move.DestinationState `json:"is"`
}

// mostWords is how many are kept. A source that has not heard asks many times a second.
const mostWords = 1024
