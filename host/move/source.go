package move

import "time"

// SourceState is how far a move is at the source.
type SourceState string

// The states; see the package's comment.
const (
	StateReserving  SourceState = "reserving"
	StateShrinking  SourceState = "shrinking"
	StateFreezing   SourceState = "freezing"
	StateCopying    SourceState = "copying"
	StateCancelling SourceState = "cancelling"
	StateSwitching  SourceState = "switching"
	StateReleasing  SourceState = "releasing"
	StateBack       SourceState = "back"
	StateMoved      SourceState = "moved"
	StateStayed     SourceState = "stayed"
	StateEnded      SourceState = "ended"
)

// Final reports whether the move is over.
func (s SourceState) Final() bool { return s == StateMoved || s == StateStayed || s == StateEnded }

// Source is a move as the host sees it that the guest leaves. It is a value: Step returns the next one.
type Source struct {
	State SourceState
	Cause Cause // why it stays, or ended

	limits   Limits
	deadline time.Duration // when the state is given up; 0 = never
	pushAt   time.Duration // when Push is due; 0 = it was
	doubt    bool          // the destination may have been told to run it
	asking   bool          // a Run is out, and no answer yet
	dead     bool          // its machine here has ended
	still    bool          // its machine here stands still behind a whole copy
	givenUp  bool          // it is ended here as soon as that is no move any more
}

// Begin begins a move.
func Begin(now time.Duration, l Limits) (Source, []Act) {
	s := Source{limits: l.WithDefaults()}
	return s.enter(now, StateReserving, Reserve)
}

// Deadline is when Step wants a Tick; 0 = it does not.
func (s Source) Deadline() time.Duration {
	if s.pushAt != 0 && (s.deadline == 0 || s.pushAt < s.deadline) {
		return s.pushAt
	}
	return s.deadline
}

// InDoubt reports whether the guest may run at the destination, and nobody here knows.
func (s Source) InDoubt() bool { return s.State == StateSwitching && s.doubt }

// Step takes in what happened.
func (s Source) Step(now time.Duration, e Event) (Source, []Act) {
	if s.State.Final() {
		return s, nil
	}
	switch {
	case e == Died:
		return s.died(now)
	case e == GivenUp && s.State != StateSwitching:
		e = Cancelled
	}
	switch s.State {
	case StateReserving:
		return s.reserving(now, e)
	case StateShrinking, StateFreezing:
		return s.settling(now, e)
	case StateCopying:
		return s.copying(now, e)
	case StateCancelling:
		return s.cancelling(now, e)
	case StateSwitching:
		return s.switching(now, e)
	case StateReleasing:
		if e == Released {
			return s.enter(now, StateMoved)
		}
	case StateBack:
		if e == Forgotten || e == Unheard || s.over(now, e) {
			return s.end(now)
		}
	}
	return s, nil
}

func (s Source) over(now time.Duration, e Event) bool {
	return e == Tick && s.deadline != 0 && now >= s.deadline
}

// enter goes to a state, with its deadline.
func (s Source) enter(now time.Duration, to SourceState, acts ...Act) (Source, []Act) {
	s.State, s.deadline, s.pushAt, s.asking = to, 0, 0, false
	if d := map[SourceState]time.Duration{
		StateReserving: s.limits.Reserve, StateShrinking: s.limits.Shrink, StateFreezing: s.limits.Freeze, StateCopying: s.limits.Copy,
		StateCancelling: s.limits.Cancel, StateSwitching: s.limits.Switch, StateBack: s.limits.Back,
	}[to]; d > 0 {
		s.deadline = now + d
	}
	if to == StateCopying {
		s.pushAt = now + s.limits.Push
	}
	return s, acts
}

// back has the guest stay, for a cause. The first cause counts.
func (s Source) back(now time.Duration, why Cause) (Source, []Act) {
	if s.Cause == "" {
		s.Cause = why
	}
	acts := []Act{Thaw, Forget}
	if s.still {
		acts = []Act{RunHere, Thaw, Forget}
	}
	s.still = false
	if s.dead {
		acts = []Act{DestroyHere, Forget}
	}
	return s.enter(now, StateBack, acts...)
}

func (s Source) end(now time.Duration) (Source, []Act) {
	if s.dead {
		return s.enter(now, StateEnded)
	}
	return s.enter(now, StateStayed)
}

func (s Source) reserving(now time.Duration, e Event) (Source, []Act) {
	switch {
	case e == Reserved:
		return s.enter(now, StateShrinking, Shrink)
	case e == Refused:
		return s.back(now, CauseRefused)
	case e == Cancelled:
		return s.back(now, CauseCancelled)
	case s.over(now, e):
		return s.back(now, CauseLate)
	}
	return s, nil
}

// settling is shrinking and freezing. A guest that does not shrink in time moves with what it has.
func (s Source) settling(now time.Duration, e Event) (Source, []Act) {
	shrinking := s.State == StateShrinking
	switch {
	case e == Cancelled:
		return s.back(now, CauseCancelled)
	case e == Burst && !shrinking:
		return s.back(now, CauseBurst)
	case shrinking && (e == Shrunk || s.over(now, e)):
		return s.enter(now, StateFreezing, Freeze)
	case !shrinking && e == Frozen:
		return s.enter(now, StateCopying, Copy)
	case s.over(now, e):
		return s.back(now, CauseStuck)
	}
	return s, nil
}

func (s Source) copying(now time.Duration, e Event) (Source, []Act) {
	switch {
	case e == Copied:
		return s.copied(now)
	case e == CopyFailed:
		return s.back(now, CauseLink)
	case e == Burst:
		return s.cancel(now, CauseBurst)
	case e == Cancelled:
		return s.cancel(now, CauseCancelled)
	case s.over(now, e):
		return s.cancel(now, CauseTooFast)
	case e == Tick && s.pushAt != 0 && now >= s.pushAt:
		s.pushAt = 0
		return s, []Act{Push}
	}
	return s, nil
}

func (s Source) cancel(now time.Duration, why Cause) (Source, []Act) {
	s.Cause = why
	return s.enter(now, StateCancelling, CancelCopy)
}

func (s Source) copied(now time.Duration) (Source, []Act) {
	s.still = true
	s, acts := s.enter(now, StateSwitching, Run)
	s.asking = true
	return s, acts
}

// cancelling ends with either result of the copying, whichever was first: a whole copy that nobody was told to run is
// none. A QEMU that answers nothing is asked again.
func (s Source) cancelling(now time.Duration, e Event) (Source, []Act) {
	switch {
	case e == Copied:
		s.still = true
		return s.back(now, s.Cause)
	case e == CopyFailed:
		return s.back(now, s.Cause)
	case s.over(now, e):
		return s.enter(now, StateCancelling, CancelCopy)
	}
	return s, nil
}

// switching waits for a final word. Only as long as no word can have reached the destination there is a way back without one.
func (s Source) switching(now time.Duration, e Event) (Source, []Act) {
	switch e {
	case Running:
		return s.enter(now, StateReleasing, Release)
	case Lost:
		s.dead, s.Cause = true, CauseLost
		return s.enter(now, StateEnded, DestroyHere)
	case Gone:
		return s.back(now, CauseGone)
	case GivenUp:
		s.givenUp = true
		if s.doubt {
			return s.giveUp(now)
		}
		return s, nil // the answer comes soon, one way or the other
	case Unsure:
		s.doubt = true
		if s.givenUp {
			return s.giveUp(now)
		}
	case Unreached:
	case Tick, Cancelled:
		if s.asking {
			return s, nil
		}
	default:
		return s, nil
	}
	if e == Unsure || e == Unreached {
		s.asking = false
	}
	if !s.doubt && (now >= s.deadline || s.givenUp) {
		return s.back(now, CauseUnreached)
	}
	if e == Tick || e == Cancelled {
		return s, nil
	}
	s.asking = true
	return s, []Act{Run}
}

// giveUp ends a guest in doubt here. It may run at the destination, and goes on there then.
func (s Source) giveUp(now time.Duration) (Source, []Act) {
	s.dead, s.still, s.Cause = true, false, CauseGivenUp
	return s.enter(now, StateBack, DestroyHere, Forget)
}

// died takes in that the machine here has ended. Behind a whole copy that does not matter.
func (s Source) died(now time.Duration) (Source, []Act) {
	if s.dead {
		return s, nil
	}
	s.dead = true
	switch {
	case s.State == StateSwitching, s.State == StateReleasing:
		return s, nil
	case s.State == StateBack:
		s.Cause = CauseDied
		return s, []Act{DestroyHere}
	}
	s.Cause = CauseDied
	return s.back(now, CauseDied)
}

// Machine is what a machine is found doing by a daemon that begins anew.
type Machine string

// What a machine may be found doing.
const (
	MachineRuns   Machine = "runs"
	MachineCopies Machine = "copies" // runs, and is being copied
	MachineStill  Machine = "still"  // stands still: behind a whole copy at the source, and as one at the destination
	MachineWaits  Machine = "waits"  // for the guest to come in
	MachineGone   Machine = "gone"
)

// Restarted is the move after a restart of the source's daemon. A machine that stands still may have been handed over
// already, and so may one that is gone.
func Restarted(now time.Duration, l Limits, found Machine) (Source, []Act) {
	s := Source{limits: l.WithDefaults()}
	switch found {
	case MachineRuns:
		return s.back(now, CauseRestart)
	case MachineCopies:
		return s.cancel(now, CauseRestart)
	case MachineGone:
		s.dead, s.Cause = true, CauseDied
	}
	s.doubt = true
	return s.copied(now)
}
