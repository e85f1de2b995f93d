package movetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/host/daemon"
	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
)

// quick are limits with which a fault is given up on within seconds.
var quick = move.Limits{Reserve: 5 * time.Second, Copy: 6 * time.Second, Switch: time.Second, Back: time.Second, Lease: 4 * time.Second}

// begin starts both nodes, of which one stops at a point, runs the guest and asks for its move. The answer is not waited for.
func begin(t *testing.T, o Options, pointA, pointB string, s nodeapi.Spec) *Pair {
	t.Helper()
	if o.Moves == (move.Limits{}) {
		o.Moves = quick
	}
	p := New(t, o)
	p.B.Start(pointB)
	p.A.Start(pointA)
	p.run(t, s)
	p.A.Until("its peer to be seen", func() bool {
		ps, err := p.A.Client.Peers(t.Context())
		return err == nil && len(ps) == 1 && ps[0].Alive
	})
	go func() {
		// t is over when this is answered by nobody.
		_, _ = p.A.Client.Migrate(t.Context(), s.Name, nodeapi.Migrate{To: "b"})
	}()
	return p
}

// inOnePlace waits until all is at rest and looks that the guest runs on one of the nodes and speaks there, with nothing of
// it on the other; or, where it may have ended, that it has, with a cause. It returns where it runs.
func (p *Pair) inOnePlace(t *testing.T, mayEnd bool) *Node {
	t.Helper()
	var at *Node
	p.A.Until("the guest to run in one place, or to have ended", func() bool {
		at = nil
		a, b := p.A.Guest("kv"), p.B.Guest("kv")
		for _, g := range []nodeapi.Guest{a, b} {
			if g.Move != nil && g.Move.State != "moved" && g.Move.State != "stayed" && g.Move.State != "ended" {
				return false
			}
		}
		n := len(p.A.Machines()) + len(p.B.Machines())
		switch {
		case n == 1 && a.State == nodeapi.StateRunning && a.Said && b.State != nodeapi.StateArriving:
			at = p.A
		case n == 1 && b.State == nodeapi.StateRunning && b.Said && a.State != nodeapi.StateRunning:
			at = p.B
		}
		return at != nil || mayEnd && n == 0
	})
	if at == nil {
		p.ended(t)
		p.A.Empty()
		p.B.Empty()
		return nil
	}
	other := p.A
	if at == p.A {
		other = p.B
	}
	other.Empty()
	if err := p.talk(t).ask(); err != nil {
		t.Errorf("the guest does not answer: %v", err)
	}
	return at
}

// ended waits until somebody knows how the guest ended.
func (p *Pair) ended(t *testing.T) {
	t.Helper()
	p.A.Until("somebody to know how the guest ended", func() bool {
		for _, n := range []*Node{p.A, p.B} {
			if g := n.Guest("kv"); g.State == nodeapi.StateEnded && g.Exit != nil && g.Exit.Cause != "" {
				t.Logf("ended on %s: %+v", n.set.Name, *g.Exit)
				return true
			}
		}
		return false
	})
}

func killAll(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// faults are what goes wrong while a node pauses at a point.
var faults = map[string]func(t *testing.T, p *Pair){
	"source-qemu":      func(t *testing.T, p *Pair) { killAll(t, p.A.Machines()) },
	"destination-qemu": func(t *testing.T, p *Pair) { killAll(t, p.B.Machines()) },
	"destination-node": func(t *testing.T, p *Pair) { p.B.Kill(); p.B.Start("") },
	"source-node":      func(t *testing.T, p *Pair) { p.A.Kill(); p.A.Start("") },
	"link": func(t *testing.T, p *Pair) {
		if err := p.Net.Cut(true); err != nil {
			t.Fatal(err)
		}
		mended := make(chan struct{})
		mend := time.AfterFunc(8*time.Second, func() { _ = p.Net.Cut(false); close(mended) })
		t.Cleanup(func() {
			if !mend.Stop() {
				<-mended
			}
		})
	},
}

// mayEnd says whether a fault at a point of the source may be the guest's end: that of the QEMU that runs it, or has the only
// copy that may run.
func mayEnd(fault, point string) bool {
	return fault == "source-qemu" && point != "move releasing" || fault == "destination-qemu" && point == "move releasing"
}

// TestFaults has each thing fail at each point of a move at its source; with -short each thing at one point, and
// something at each.
func TestFaults(t *testing.T) {
	names := slices.Sorted(maps.Keys(faults))
	points := slices.DeleteFunc(slices.Clone(daemon.MovePoints), func(p string) bool {
		return p == "move cancelling" || p == "move back" // TestFaultsOnTheWayBack
	})
	for i, point := range points {
		for j, name := range names {
			if testing.Short() && i%len(names) != j {
				continue
			}
			t.Run(strings.TrimPrefix(point, "move ")+"/"+name, func(t *testing.T) {
				p := begin(t, Options{}, point, "", spec(t, "kv", 8, 0))
				p.A.Paused()
				faults[name](t, p)
				p.A.On()
				p.inOnePlace(t, mayEnd(name, point))
			})
		}
	}
}

// TestFaultsAtDestination has the destination's node be killed at each of its points.
func TestFaultsAtDestination(t *testing.T) {
	for _, point := range daemon.ArrivalPoints {
		t.Run(strings.TrimPrefix(point, "arrival "), func(t *testing.T) {
			pause := "" // of the source
			if point == "arrival arrived" {
				pause = "move switching" // or it is told to run the guest before it has noticed that all of it is there
			}
			p := begin(t, Options{}, pause, "!"+point, spec(t, "kv", 8, 0))
			p.B.Dies()
			p.A.On()
			p.B.Start("")
			p.inOnePlace(t, false)
		})
	}
}

// TestFaultsOnTheWayBack: a move that is given up is given up also by a node that begins anew.
func TestFaultsOnTheWayBack(t *testing.T) {
	for point, hold := range map[string]int{"move back": 48, "move cancelling": 64} {
		t.Run(point, func(t *testing.T) {
			o := Options{Moves: quick}
			s := spec(t, "kv", hold, 0)
			if point == "move cancelling" {
				o.Moves.Copy, o.Moves.Push = 50*time.Millisecond, time.Hour
			} else {
				o.CapacityB = 64 << 20
			}
			p := begin(t, o, point, "", s)
			p.A.Paused()
			p.A.Kill()
			p.A.Start("")
			if at := p.inOnePlace(t, false); at != p.A {
				t.Error("it is not where it was")
			}
		})
	}
}

// TestTooFast: a guest that is not copied in the time that its move may take stays, and runs on.
func TestTooFast(t *testing.T) {
	o := Options{Moves: quick}
	o.Moves.Copy, o.Moves.Push = 50*time.Millisecond, time.Hour
	s := spec(t, "kv", 96, 100000)
	p := begin(t, o, "", "", s)
	p.A.Until("the move to be over", func() bool {
		m := p.A.Guest("kv").Move
		return m != nil && (m.State == "stayed" || m.State == "moved")
	})
	if m := p.A.Guest("kv").Move; m.State != "stayed" || m.Cause != string(move.CauseTooFast) {
		t.Errorf("%+v", *m)
	}
	if at := p.inOnePlace(t, false); at != p.A {
		t.Error("it is not where it was")
	}
}

// TestBurst: a guest that needs memory at once on its way, which its host has, gets it and stays; nothing of it waits for
// longer than that takes.
func TestBurst(t *testing.T) {
	o := Options{Moves: quick}
	p := begin(t, o, "move copying", "", spec(t, "kv", 8, 0))
	p.A.Paused()
	k := p.talk(t)
	if _, err := fmt.Fprintln(k.conn, "grow 160"); err != nil {
		t.Fatal(err)
	}
	p.A.Until("it to wait at its gate", func() bool {
		u := p.A.Guest("kv").Usage
		return u != nil && u.Stalls > 0
	})
	p.A.On()
	_ = k.conn.SetDeadline(time.Now().Add(patience))
	if got, err := k.in.ReadString('\n'); err != nil || got != "1  grow 160\n" {
		t.Errorf("answer %q, %v", got, err)
	}
	if at := p.inOnePlace(t, false); at != p.A {
		t.Error("it is not where the memory is")
	}
	if m := p.A.Guest("kv").Move; m == nil || m.Cause != string(move.CauseBurst) {
		t.Errorf("%+v", m)
	}
}

// TestRelief: a guest whose demand cannot be met where it is gets what it wants by a move that nobody asked for.
func TestRelief(t *testing.T) {
	p := New(t, Options{CapacityA: 160 << 20, CapacityB: 1 << 30, Relieve: true, Moves: quick})
	p.B.Start("")
	p.A.Start("")
	p.A.Until("its peer to be seen", func() bool {
		ps, err := p.A.Client.Peers(t.Context())
		return err == nil && len(ps) == 1 && ps[0].Alive
	})
	if _, err := p.A.Client.Create(t.Context(), spec(t, "kv", 256, 0)); err != nil {
		t.Fatal(err)
	}
	g := p.B.Runs("kv")
	p.B.Wrote("kv", "count")
	if g = p.B.Guest("kv"); g.Usage == nil || g.Usage.MemoryGranted < 256<<20 {
		t.Errorf("granted there: %+v", g.Usage)
	}
	p.A.Empty()
}

// TestDrain: all guests that can leave a host do, and who asked hears of the others.
func TestDrain(t *testing.T) {
	p := New(t, Options{})
	p.B.Start("")
	p.A.Start("")
	for i := range 2 {
		s := spec(t, fmt.Sprint("kv", i), 4, 0)
		s.Bridge = nil
		s.Network = "none"
		p.run(t, s)
	}
	user := spec(t, "user", 4, 0)
	user.Bridge = nil
	p.run(t, user)
	p.A.Until("its peer to be seen", func() bool {
		ps, err := p.A.Client.Peers(t.Context())
		return err == nil && len(ps) == 1 && ps[0].Alive
	})
	moves, err := p.B.Client.DrainPeer(t.Context(), "a")
	if err != nil || len(moves) != 3 {
		t.Fatalf("%+v, %v", moves, err)
	}
	for i, m := range moves {
		if want := map[bool]string{true: "moved", false: "stayed"}[i < 2]; m.State != want {
			t.Errorf("%s: %+v", m.Guest, m)
		}
	}
	p.B.Runs("kv0")
	p.B.Runs("kv1")
	p.A.Runs("user")
}
