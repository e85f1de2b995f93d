package daemontest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/daemon"
	"github.com/silo-os/silo/host/nodeapi"
)

// crashes are the points with what leads there and what must be so under the next node.
var crashes = map[string]struct {
	before func(h *host)               // under the node that is cut off
	after  func(h *host, t *testing.T) // under the next one
	real   bool                        // with -short, too, under the real QEMU: one of those with the same before and after
}{
	"created":     {begins, runs, false},
	"placed":      {begins, runs, false},
	"forked":      {begins, runs, true}, // of all, there is a process here that nobody knows of
	"launched":    {begins, runs, false},
	"running":     {begins, runs, false},
	"exit heard":  {exits, ended(7), false},
	"exit stored": {exits, ended(7), true},
	"ended":       {exits, ended(7), false},
	"end stored":  {exits, ended(7), false},
	"halted": {func(h *host) {
		h.create(h.spec("kv", "wait"))
		h.written("kv", "waiting")
		_, _ = h.client.Stop(h.t.Context(), "kv", nodeapi.Stop{})
	}, ended(3), true},
	"forgotten": {func(h *host) {
		h.create(h.spec("kv", "wait"))
		if _, err := h.client.Kill(h.t.Context(), "kv"); err != nil {
			h.t.Fatal(err)
		}
		_ = h.client.Remove(h.t.Context(), "kv")
	}, func(h *host, t *testing.T) {
		if _, err := h.client.Guest(t.Context(), "kv"); !nodeapi.Is(err, nodeapi.CodeNotFound) {
			t.Errorf("it is there: %v", err)
		}
		h.gone()
	}, true},
}

// begins asks for a guest; the answer does not come.
func begins(h *host) { _, _ = h.client.Create(h.t.Context(), h.spec("kv", "wait")) }

func exits(h *host) { _, _ = h.client.Create(h.t.Context(), h.spec("kv", "exit", "7")) }

// runs demands that the guest runs, once.
func runs(h *host, t *testing.T) {
	g := h.until("kv", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateRunning && g.Said })
	h.written("kv", "waiting")
	if pid := h.only(); pid != g.PID || g.Restarts != 0 {
		t.Errorf("process %d runs, the node knows %d; %d restarts", pid, g.PID, g.Restarts)
	}
	h.clean("kv")
}

// ended demands that the guest has ended as it said.
func ended(code int) func(*host, *testing.T) {
	return func(h *host, t *testing.T) {
		g := h.until("kv", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateEnded })
		if g.Exit == nil || g.Exit.Code != code {
			t.Errorf("it ended with %+v", g.Exit)
		}
		h.clean("kv")
	}
}

// TestCrash cuts the node off at every point at which something else would be left, and has the next one go on. Each point
// is shown with the fake QEMU; with -short, the real one shows of each kind of point that it is so.
func TestCrash(t *testing.T) {
	for _, point := range daemon.Points {
		if point == "taking up" {
			continue // TestCrashTakingUp
		}
		t.Run(point, func(t *testing.T) {
			c, ok := crashes[point]
			if !ok {
				t.Fatal("nothing leads there")
			}
			test := func(t *testing.T, h *host) {
				h.start(point)
				c.before(h)
				h.dies()
				h.start("")
				c.after(h, t)
			}
			onFake(t, test)
			if c.real || !testing.Short() {
				onQEMU(t, test)
			}
		})
	}
}

// TestCrashTakingUp: a node that is cut off while it takes guests up is no worse than one that was cut off before.
func TestCrashTakingUp(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.start("")
		pid := h.create(h.spec("kv", "wait")).PID
		h.kill()
		for range 2 {
			h.start("taking up")
			h.dies()
		}
		h.start("")
		if g := h.until("kv", func(g nodeapi.Guest) bool { return g.Said }); g.PID != pid {
			t.Errorf("process %d, it was %d", g.PID, pid)
		}
		runs(h, t)
	})
}

// TestOutlives: a guest runs on without its node, what it writes waits for the next one, and that one governs it as
// the first did.
func TestOutlives(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.start("")
		s := h.spec("kv", "count")
		g := h.create(s)
		h.written("kv", "count 3\n")
		for range 3 {
			h.kill()
			if pid := h.only(); pid != g.PID {
				t.Fatalf("process %d, it was %d", pid, g.PID)
			}
			h.start("")
			h.until("kv", func(g nodeapi.Guest) bool { return g.Said })
		}
		most := int64(128 << 20)
		if is, err := h.client.Set(t.Context(), "kv", nodeapi.Change{MemoryMax: &most}); err != nil || is.Spec.Memory.Max != most {
			t.Errorf("%+v, %v", is.Spec, err)
		}
		h.kill()
		h.start("")
		if is := h.until("kv", func(g nodeapi.Guest) bool { return g.Said }); is.Spec.Memory.Max != most || is.PID != g.PID {
			t.Errorf("%+v", is)
		}
		if _, err := h.client.Stop(t.Context(), "kv", nodeapi.Stop{}); err != nil {
			t.Fatal(err)
		}
		all := h.written("kv", "stopped\n")
		if missing := gaps(all); len(missing) > 0 {
			t.Errorf("lines that were written did not arrive: %v", missing)
		}
		h.clean("kv")
	})
}

// gaps lists the counts that are missing in what was written. A line may be there twice.
func gaps(all string) (missing []int) {
	next := 0
	for line := range strings.Lines(all) {
		var n int
		if _, err := fmt.Sscanf(line, "count %d\n", &n); err != nil {
			continue
		}
		for ; next < n; next++ {
			missing = append(missing, next)
		}
		next = max(next, n+1)
	}
	return missing
}

// TestEndsAlone: a guest whose application ends while there is no node waits with its report for the next one.
func TestEndsAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.start("")
		h.create(h.spec("kv", "later"))
		h.written("kv", "soon\n")
		h.kill()
		h.start("")
		ended(9)(h, t)
	})
}

// TestQEMUKilledAlone: a guest whose machine is ended while there is no node is started again, under its policy.
func TestQEMUKilledAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, h *host) {
		h.start("")
		s := h.spec("kv", "wait")
		s.Restart = nodeapi.RestartAlways
		pid := h.create(s).PID
		h.written("kv", "waiting")
		h.kill()
		p, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		h.start("")
		g := h.until("kv", func(g nodeapi.Guest) bool { return g.Restarts == 1 && g.Said })
		if g.PID == pid || h.only() != g.PID {
			t.Errorf("process %d, before %d", g.PID, pid)
		}
		h.clean("kv")
	})
}

// TestSecondNode: a folder has one node.
func TestSecondNode(t *testing.T) {
	h := newHost(t)
	h.start("")
	if _, err := daemon.Open(t.Context(), daemon.Config{Dir: filepath.Join(h.dir, "state")}); err == nil {
		t.Error("a second one has it as well")
	}
}
