package move_test

import (
	"slices"
	"testing"
	"time"

	"github.com/silo-os/silo/host/move"
)

// Each row is a way through the source's states, and what it does last.
func TestSource(t *testing.T) {
	const far = time.Hour
	for name, c := range map[string]struct {
		events []move.Event
		late   bool // the last one is a tick when the state's time is over
		state  move.SourceState
		cause  move.Cause
		acts   []move.Act
	}{
		"no room":                 {[]move.Event{move.Refused}, false, move.StateBack, move.CauseRefused, []move.Act{move.Thaw, move.Forget}},
		"no answer":               {[]move.Event{move.Tick}, true, move.StateBack, move.CauseLate, []move.Act{move.Thaw, move.Forget}},
		"does not shrink":         {[]move.Event{move.Reserved, move.Tick}, true, move.StateFreezing, "", []move.Act{move.Freeze}},
		"does not come to rest":   {[]move.Event{move.Reserved, move.Shrunk, move.Tick}, true, move.StateBack, move.CauseStuck, []move.Act{move.Thaw, move.Forget}},
		"dirties too fast":        {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Tick}, true, move.StateCancelling, move.CauseTooFast, []move.Act{move.CancelCopy}},
		"burst":                   {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Burst}, false, move.StateCancelling, move.CauseBurst, []move.Act{move.CancelCopy}},
		"burst, copied first":     {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Burst, move.Copied}, false, move.StateBack, move.CauseBurst, []move.Act{move.RunHere, move.Thaw, move.Forget}},
		"link cut":                {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.CopyFailed}, false, move.StateBack, move.CauseLink, []move.Act{move.Thaw, move.Forget}},
		"there":                   {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Running}, false, move.StateReleasing, "", []move.Act{move.Release}},
		"not sure":                {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Unsure}, false, move.StateSwitching, "", []move.Act{move.Run}},
		"unreached, and again":    {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Unreached}, false, move.StateSwitching, "", []move.Act{move.Run}},
		"unreached for too long":  {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Unreached}, true, move.StateBack, move.CauseUnreached, []move.Act{move.RunHere, move.Thaw, move.Forget}},
		"gone there":              {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Gone}, false, move.StateBack, move.CauseGone, []move.Act{move.RunHere, move.Thaw, move.Forget}},
		"died here, gone there":   {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Died, move.Gone}, false, move.StateBack, move.CauseGone, []move.Act{move.DestroyHere, move.Forget}},
		"died here, runs there":   {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Died, move.Running}, false, move.StateReleasing, "", []move.Act{move.Release}},
		"lost there":              {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Lost}, false, move.StateEnded, move.CauseLost, []move.Act{move.DestroyHere}},
		"died while it is copied": {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Died}, false, move.StateBack, move.CauseDied, []move.Act{move.DestroyHere, move.Forget}},
		"given up in doubt":       {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Unsure, move.GivenUp}, false, move.StateBack, move.CauseGivenUp, []move.Act{move.DestroyHere, move.Forget}},
		"given up, then in doubt": {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.GivenUp, move.Unsure}, false, move.StateBack, move.CauseGivenUp, []move.Act{move.DestroyHere, move.Forget}},
		"given up, runs there":    {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.GivenUp, move.Running}, false, move.StateReleasing, "", []move.Act{move.Release}},
		"given up, unreached":     {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.GivenUp, move.Unreached}, false, move.StateBack, move.CauseUnreached, []move.Act{move.RunHere, move.Thaw, move.Forget}},
		"given up before":         {[]move.Event{move.Reserved, move.Shrunk, move.GivenUp}, false, move.StateBack, move.CauseCancelled, []move.Act{move.Thaw, move.Forget}},
		"given up, dead, doubt":   {[]move.Event{move.Reserved, move.Shrunk, move.Frozen, move.Copied, move.Unsure, move.Died, move.GivenUp, move.Unheard}, false, move.StateEnded, move.CauseGivenUp, nil},
		"stayed":                  {[]move.Event{move.Refused, move.Forgotten}, false, move.StateStayed, move.CauseRefused, nil},
		"stayed, unheard":         {[]move.Event{move.Refused, move.Tick}, true, move.StateStayed, move.CauseRefused, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, acts := move.Begin(0, move.Limits{})
			for i, e := range c.events {
				now := time.Duration(0)
				if c.late && i == len(c.events)-1 {
					now = far
				}
				s, acts = s.Step(now, e)
			}
			if s.State != c.state || s.Cause != c.cause || !slices.Equal(acts, c.acts) {
				t.Errorf("%s (%s) %v, want %s (%s) %v", s.State, s.Cause, acts, c.state, c.cause, c.acts)
			}
		})
	}
}

// A guest in doubt is never set running here, however long it takes.
func TestDoubt(t *testing.T) {
	s, _ := move.Restarted(0, move.Limits{}, move.MachineStill)
	for i := range 1000 {
		now := time.Duration(i) * time.Minute
		for _, e := range []move.Event{move.Unreached, move.Tick, move.Cancelled, move.Unsure, move.Burst, move.CopyFailed} {
			var acts []move.Act
			if s, acts = s.Step(now, e); slices.Contains(acts, move.RunHere) || !s.InDoubt() {
				t.Fatalf("event %d at %v: %s %v", e, now, s.State, acts)
			}
		}
	}
}

// The guest may stand still for longer, once, when a quarter of the time for copying is over.
func TestPush(t *testing.T) {
	s, _ := move.Begin(0, move.Limits{Copy: 40 * time.Second})
	for _, e := range []move.Event{move.Reserved, move.Shrunk, move.Frozen} {
		s, _ = s.Step(0, e)
	}
	if s.Deadline() != 10*time.Second {
		t.Errorf("wants to be asked at %v", s.Deadline())
	}
	s, acts := s.Step(10*time.Second, move.Tick)
	if !slices.Equal(acts, []move.Act{move.Push}) || s.Deadline() != 40*time.Second {
		t.Errorf("%v, then at %v", acts, s.Deadline())
	}
	if _, acts = s.Step(11*time.Second, move.Tick); acts != nil {
		t.Errorf("again %v", acts)
	}
}

// The destination holds its room for as long as it hears of the source, and no longer.
func TestLease(t *testing.T) {
	l := move.Limits{Lease: 10 * time.Second}
	d, _ := move.Expect(0, l)
	d, _ = d.Step(0, move.DestLaunched)
	for now := time.Duration(0); now < time.Minute; now += 9 * time.Second {
		d, _ = d.Step(now, move.DestTick)
		d, _ = d.Step(now, move.DestHeard)
		if d.State != move.DestWaiting {
			t.Fatalf("at %v %s", now, d.State)
		}
	}
	d, acts := d.Step(2*time.Minute, move.DestTick)
	if d.State != move.DestGone || !slices.Equal(acts, []move.DestAct{move.DestDestroy}) {
		t.Errorf("unheard: %s %v", d.State, acts)
	}
	if d, acts = d.Step(2*time.Minute, move.DestRun); d.State != move.DestGone || acts != nil {
		t.Errorf("told too late: %s %v", d.State, acts)
	}
}

// Told before all of it is there, it starts when it is.
func TestToldEarly(t *testing.T) {
	d, _ := move.Expect(0, move.Limits{})
	d, _ = d.Step(0, move.DestLaunched)
	d, acts := d.Step(0, move.DestRun)
	if d.State != move.DestWaiting || acts != nil {
		t.Errorf("%s %v", d.State, acts)
	}
	d, acts = d.Step(0, move.DestCameIn)
	if d.State != move.DestStarting || !slices.Equal(acts, []move.DestAct{move.DestStart}) {
		t.Errorf("%s %v", d.State, acts)
	}
}
