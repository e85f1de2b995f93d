package move

import "time"

// DestinationState is how far a move is at the destination.
type DestinationState string

// The states; see the package's comment.
const (
	DestLaunching DestinationState = "launching"
	DestWaiting   DestinationState = "waiting"
	DestArrived   DestinationState = "arrived"
	DestStarting  DestinationState = "starting"
	DestRunning   DestinationState = "running"
	DestGone      DestinationState = "gone"
	DestLost      DestinationState = "lost"
)

// Final reports whether the word is final: what the source hears of it from then on.
func (s DestinationState) Final() bool { return s == DestRunning || s == DestGone || s == DestLost }

// DestEvent is what happened at the destination.
type DestEvent int

// The events.
const (
	DestTick       DestEvent = iota // time went by
	DestLaunched                    // of DestLaunch: a machine waits
	DestFailed                      // of DestLaunch: there is none, or no guest can come into it
	DestCameIn                      // all of the guest is there
	DestHeard                       // the source asked how it stands
	DestRun                         // the source said: run it
	DestForget                      // the source said: let go of it
	DestStarted                     // of DestStart: it runs
	DestMachineEnd                  // the machine has ended
	DestNotStarted                  // of DestStart: the machine had ended before it was told
)

// DestAct is something to do at the destination.
type DestAct int

// The acts.
const (
	DestLaunch  DestAct = iota // reserve the room and make a machine that waits
	DestStart                  // set the guest running
	DestDestroy                // end the machine and free the room
)

// Destination is a move as the host sees it that the guest comes to. It is a value: Step returns the next one.
type Destination struct {
	State DestinationState

	limits Limits
	lease  time.Duration // when it is over; 0 = there is none any more
	told   bool          // to run it, before it had arrived
}

// Expect begins a move at its destination.
func Expect(now time.Duration, l Limits) (Destination, []DestAct) {
	d := Destination{State: DestLaunching, limits: l.WithDefaults()}
	d.lease = now + d.limits.Reserve
	return d, []DestAct{DestLaunch}
}

// Deadline is when Step wants a DestTick; 0 = it does not.
func (d Destination) Deadline() time.Duration { return d.lease }

// Step takes in what happened.
func (d Destination) Step(now time.Duration, e DestEvent) (Destination, []DestAct) {
	switch d.State {
	case DestRunning:
		if e == DestMachineEnd {
			d.State = DestLost
		}
		return d, nil
	case DestGone, DestLost:
		return d, nil
	case DestStarting:
		return d.starting(e)
	}
	if now >= d.lease {
		return d.gone()
	}
	switch e {
	case DestForget, DestFailed, DestMachineEnd:
		return d.gone()
	case DestTick:
		return d, nil
	case DestLaunched:
		if d.State == DestLaunching {
			d.State = DestWaiting
		}
	case DestCameIn:
		if d.State == DestWaiting {
			d.State = DestArrived
		}
	case DestRun:
		if d.told { // saying it again brings nobody here: a guest that does not come in is gone when its time is over
			return d, nil
		}
		d.told = d.State != DestLaunching
	}
	d.lease = now + d.limits.Lease
	if d.State == DestArrived && d.told {
		d.State, d.lease = DestStarting, 0
		return d, []DestAct{DestStart}
	}
	return d, nil
}

// starting has no way back but the certainty that the guest was not set running: it may run already.
func (d Destination) starting(e DestEvent) (Destination, []DestAct) {
	switch e {
	case DestStarted:
		d.State = DestRunning
	case DestNotStarted:
		return d.gone()
	case DestMachineEnd:
		d.State = DestLost
		return d, []DestAct{DestDestroy}
	}
	return d, nil
}

func (d Destination) gone() (Destination, []DestAct) {
	d.State, d.lease = DestGone, 0
	return d, []DestAct{DestDestroy}
}

// RestartedDestination is the move after a restart of the destination's daemon. ran says that the guest may
// have been set running here, which is stored before it can be. One that was not is let go of: it is whole at its source.
func RestartedDestination(found Machine, ran bool) (Destination, []DestAct) {
	switch {
	case found == MachineRuns:
		return Destination{State: DestRunning}, nil
	case ran && found == MachineGone:
		return Destination{State: DestLost}, nil
	}
	return Destination{}.gone()
}
