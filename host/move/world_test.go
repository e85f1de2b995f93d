package move_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/move"
	"pgregory.net/rapid"
)

// world is two hosts, their machines and the link between them. Results of acts wait in queues until the test lets them
// arrive; a daemon that begins anew has forgotten its queue.
type world struct {
	now   time.Duration
	s     move.Source
	d     move.Destination
	known bool // the destination has heard of the move

	here, there move.Machine
	ran         bool // the guest ran there
	noted       bool // stored there: it may run
	copying     bool
	frozen      bool
	room        bool // reserved at the destination
	linked      bool

	atSource []func(*world) // what is under way, each to be let happen or lost
	atDest   []func(*world)
	trace    []string
}

func newWorld() *world {
	w := &world{here: move.MachineRuns, there: move.MachineGone, linked: true}
	s, acts := move.Begin(0, move.Limits{})
	w.s = s
	w.act(acts)
	return w
}

func (w *world) say(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func (w *world) source(e move.Event) {
	before := w.s.State
	s, acts := w.s.Step(w.now, e)
	w.say("%v source %s event %d -> %s", w.now, before, e, s.State)
	w.s = s
	w.act(acts)
}

func (w *world) dest(e move.DestEvent) {
	before := w.d.State
	d, acts := w.d.Step(w.now, e)
	w.say("%v dest %s event %d -> %s", w.now, before, e, d.State)
	w.d = d
	w.actThere(acts)
}

func (w *world) later(f func(*world)) { w.atSource = append(w.atSource, f) }

// act carries out what the source decided.
func (w *world) act(acts []move.Act) {
	for _, a := range acts {
		switch a {
		case move.Reserve:
			w.later(func(w *world) {
				if !w.linked {
					w.source(move.Refused)
					return
				}
				d, acts := move.Expect(w.now, move.Limits{})
				w.d, w.known = d, true
				w.actThere(acts)
			})
		case move.Shrink:
			w.later(func(w *world) { w.source(move.Shrunk) })
		case move.Freeze:
			w.later(func(w *world) {
				if w.s.State == move.StateFreezing { // each act ends the one before it
					w.frozen = true
					w.source(move.Frozen)
				}
			})
		case move.Copy:
			if w.here == move.MachineRuns {
				w.here, w.copying = move.MachineCopies, true
			}
			w.later((*world).finishCopy)
		case move.CancelCopy:
			w.later((*world).finishCancel)
		case move.Run:
			w.later((*world).run)
		case move.RunHere:
			if w.here == move.MachineStill {
				w.here = move.MachineRuns
			}
		case move.Thaw:
			w.frozen = false
		case move.Forget:
			w.later(func(w *world) {
				if w.linked && w.known {
					w.dest(move.DestForget)
					w.source(move.Forgotten)
					return
				}
				w.source(move.Unheard)
			})
		case move.Release:
			w.here = move.MachineGone
			w.later(func(w *world) { w.source(move.Released) })
		case move.DestroyHere:
			w.here = move.MachineGone
		}
	}
}

// finishCopy has the copying end well, if nothing is in its way.
func (w *world) finishCopy() {
	if w.here != move.MachineCopies {
		return
	}
	if !w.linked || w.there != move.MachineWaits {
		w.here = move.MachineRuns
		w.source(move.CopyFailed)
		return
	}
	w.here, w.there = move.MachineStill, move.MachineStill
	w.atDest = append(w.atDest, func(w *world) {
		w.noted = true
		w.dest(move.DestCameIn)
	})
	w.source(move.Copied)
}

func (w *world) finishCancel() {
	switch w.here {
	case move.MachineCopies:
		w.here = move.MachineRuns
		w.source(move.CopyFailed)
	case move.MachineRuns:
		w.source(move.CopyFailed)
	case move.MachineStill:
		w.source(move.Copied)
	}
}

// run tells the destination; the answer may come later than the word is acted upon. Each try takes its time.
func (w *world) run() {
	w.now += 100 * time.Millisecond
	if !w.linked {
		w.source(move.Unreached)
		return
	}
	if !w.known {
		w.source(move.Gone)
		return
	}
	w.dest(move.DestRun)
	w.later(func(w *world) {
		switch {
		case !w.linked, !w.d.State.Final():
			w.source(move.Unsure)
		case w.d.State == move.DestRunning:
			w.source(move.Running)
		case w.d.State == move.DestLost:
			w.source(move.Lost)
		default:
			w.source(move.Gone)
		}
	})
}

// actThere carries out what the destination decided.
func (w *world) actThere(acts []move.DestAct) {
	for _, a := range acts {
		switch a {
		case move.DestLaunch:
			w.room = true
			w.atDest = append(w.atDest, func(w *world) {
				if w.d.State != move.DestLaunching {
					return
				}
				w.there = move.MachineWaits
				w.dest(move.DestLaunched)
				w.later(func(w *world) {
					if w.linked && w.d.State == move.DestWaiting {
						w.source(move.Reserved)
					}
				})
			})
		case move.DestStart:
			w.atDest = append(w.atDest, func(w *world) {
				if w.there == move.MachineStill {
					w.there, w.ran = move.MachineRuns, true
					w.dest(move.DestStarted)
				}
			})
		case move.DestDestroy:
			w.there, w.room = move.MachineGone, false
		}
	}
}

// let has one thing that is under way happen.
func (w *world) let(queue *[]func(*world), i int) {
	f := (*queue)[i]
	*queue = append((*queue)[:i:i], (*queue)[i+1:]...)
	f(w)
}

func (w *world) tick(d time.Duration) {
	w.now += d
	w.source(move.Tick)
	if w.known {
		w.dest(move.DestTick)
	}
}

func (w *world) killHere() {
	if w.here != move.MachineGone && !w.s.State.Final() {
		w.here = move.MachineGone
		w.source(move.Died)
	}
}

func (w *world) killThere() {
	if w.there == move.MachineGone {
		return
	}
	was := w.there
	w.there, w.room = move.MachineGone, false
	if was == move.MachineStill && w.d.State == move.DestStarting && len(w.trace)%2 == 0 { // else it is not known for certain
		w.dest(move.DestNotStarted)
		return
	}
	w.dest(move.DestMachineEnd)
}

// restartSource has the source begin anew. A machine that does not answer is taken for one that stands still; its copying goes on.
func (w *world) restartSource(silent bool) {
	if w.s.State.Final() {
		return
	}
	w.atSource = nil
	found := w.here
	if silent && found != move.MachineGone {
		found = move.MachineStill
		if w.here == move.MachineCopies {
			w.later((*world).finishCopy)
		}
	}
	w.say("%v source begins anew, finds %s, which is %s", w.now, found, w.here)
	s, acts := move.Restarted(w.now, move.Limits{}, found)
	w.s = s
	if w.here == move.MachineCopies && !w.linked {
		w.here = move.MachineRuns // QEMU gives up by itself
	}
	w.act(acts)
}

// restartDest has the destination begin anew; with alone its machine ends while there is nobody to see it.
func (w *world) restartDest(alone bool) {
	if !w.known {
		return
	}
	if alone {
		w.there, w.room = move.MachineGone, false
	}
	w.atDest = nil
	w.say("%v destination begins anew, finds %s", w.now, w.there)
	if w.d.State == move.DestGone || w.d.State == move.DestLost { // stored
		return
	}
	d, acts := move.RestartedDestination(w.there, w.noted)
	w.d = d
	w.actThere(acts)
}

// check is what must hold at every moment.
func (w *world) check(t *rapid.T) {
	runs := func(m move.Machine) bool { return m == move.MachineRuns || m == move.MachineCopies }
	if runs(w.here) && runs(w.there) {
		t.Fatalf("it runs twice:\n%s", strings.Join(w.trace, "\n"))
	}
	if w.ran && runs(w.here) {
		t.Fatalf("it ran there and runs here:\n%s", strings.Join(w.trace, "\n"))
	}
}

// settle lets everything come to rest, with the link whole.
func (w *world) settle(t *rapid.T) {
	w.linked = true
	for range 2000 {
		w.check(t)
		switch {
		case len(w.atDest) > 0:
			w.let(&w.atDest, 0)
		case len(w.atSource) > 0:
			w.let(&w.atSource, 0)
		default:
			w.tick(time.Second)
		}
		if w.s.State.Final() && (!w.known || w.d.State.Final()) && len(w.atDest)+len(w.atSource) == 0 {
			w.judge(t)
			return
		}
	}
	t.Fatalf("source %s, destination %s: it does not come to rest:\n%s", w.s.State, w.d.State, strings.Join(w.trace, "\n"))
}

// judge is what must hold in the end.
func (w *world) judge(t *rapid.T) {
	fail := func(what string) {
		t.Fatalf("%s: source %s (%s), machine %s; destination %s, machine %s:\n%s", what, w.s.State, w.s.Cause, w.here, w.d.State, w.there, strings.Join(w.trace, "\n"))
	}
	here, there := w.here == move.MachineRuns, w.there == move.MachineRuns
	switch w.s.State {
	case move.StateMoved:
		if here || !there && w.d.State != move.DestLost {
			fail("moved and not there")
		}
	case move.StateStayed:
		if !here || there || w.s.Cause == "" || w.frozen {
			fail("stayed and not as it was")
		}
	case move.StateEnded:
		if here || there && w.s.Cause != move.CauseGivenUp || w.s.Cause == "" {
			fail("ended and runs")
		}
	}
	if w.room != there {
		fail("room stays reserved, or was not")
	}
}

// Whatever fails, whenever, in whatever order results arrive: it never runs twice, and in the end it runs in one place
// or has ended with a cause, and no room stays reserved. One case in ten or so ends: as many are made as it takes to see each outcome.
func TestOnePlace(t *testing.T) {
	var missing []move.SourceState
	outcomes := make(map[move.SourceState]int)
	for range 20 {
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld()
			steps := rapid.IntRange(0, 60).Draw(t, "steps")
			for range steps {
				w.random(t)
				w.check(t)
			}
			w.settle(t)
			outcomes[w.s.State]++
		})
		missing = slices.DeleteFunc([]move.SourceState{move.StateMoved, move.StateStayed, move.StateEnded}, func(o move.SourceState) bool { return outcomes[o] > 0 })
		if t.Failed() || len(missing) == 0 {
			break
		}
	}
	if len(missing) > 0 {
		t.Errorf("no case ended as %q: the cases show less than they should (%v)", missing, outcomes)
	}
}

// A guest that ended at the destination before its daemon, which began anew, had stored that it runs, is lost: it does not run again at
// its source.
func TestEndedUnseen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for w.d.State != move.DestStarting {
			switch {
			case len(w.atDest) > 0:
				w.let(&w.atDest, 0)
			case len(w.atSource) > 0:
				w.let(&w.atSource, 0)
			default:
				t.Fatalf("it does not get there:\n%s", strings.Join(w.trace, "\n"))
			}
		}
		w.there, w.ran = move.MachineRuns, true
		w.restartDest(true)
		w.settle(t)
		if w.s.State != move.StateEnded || w.s.Cause != move.CauseLost {
			t.Fatalf("source %s (%s):\n%s", w.s.State, w.s.Cause, strings.Join(w.trace, "\n"))
		}
	})
}

// random has something happen, most often something that is under way.
func (w *world) random(t *rapid.T) {
	switch n := rapid.IntRange(0, 30).Draw(t, "what"); {
	case n < 14 && len(w.atSource) > 0:
		w.let(&w.atSource, rapid.IntRange(0, len(w.atSource)-1).Draw(t, "which"))
	case n < 20 && len(w.atDest) > 0:
		w.let(&w.atDest, rapid.IntRange(0, len(w.atDest)-1).Draw(t, "which"))
	case n < 22:
		w.tick(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond)
	case n == 22:
		w.linked = !w.linked
	case n == 23:
		w.killHere()
	case n == 24:
		w.killThere()
	case n == 25:
		w.restartSource(rapid.Bool().Draw(t, "silent"))
	case n == 26:
		w.restartDest(rapid.Bool().Draw(t, "alone"))
	case n == 27:
		w.source(move.Burst)
	case n == 28:
		w.source(move.Cancelled)
	case n == 29 && w.known:
		w.dest(move.DestHeard)
	case n == 30:
		w.source(move.GivenUp)
	}
}
