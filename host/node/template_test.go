package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
)

// templatedVM is a machine that knows templates.
type templatedVM struct {
	*vmmtest.VM
	from    bool
	save    func() error
	saved   int
	dropped int
}

func (m *templatedVM) FromTemplate() bool { return m.from }

func (m *templatedVM) SaveTemplate(context.Context) error {
	m.saved++
	return m.save()
}

func (m *templatedVM) DropTemplate() error { m.dropped++; return nil }

// withTemplates makes a rig's machines know templates; the returned one is there once a guest was started.
func withTemplates(r *rig, m *templatedVM) {
	launch := r.cfg.Launch
	r.cfg.Launch = func(ctx context.Context, cfg vmm.Config) (vmm.Machine, error) {
		vm, err := launch(ctx, cfg)
		if err == nil {
			m.VM = vm.(*vmmtest.VM)
		}
		return m, err
	}
}

// TestTemplateSavedBeforeWelcome: once, while the guest has been told nothing; and a guest that cannot be saved
// is welcomed all the same.
func TestTemplateSavedBeforeWelcome(t *testing.T) {
	for _, failure := range []error{nil, errors.New("no room")} {
		inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
			var log bytes.Buffer
			r.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			var g *Guest
			took := 300 * time.Millisecond
			m := &templatedVM{save: func() error {
				if !g.said.when().IsZero() {
					t.Error("saved after its Welcome")
				}
				time.Sleep(took)
				return failure
			}}
			withTemplates(r, m)
			var err error
			if g, err = r.Start(t.Context(), GuestSpec{Template: true}); err != nil {
				t.Fatal(err)
			}
			if got := r.cfgs[0].Templates; got != r.cfg.Templates || got == "" {
				t.Errorf("the machine's templates are in %q, the node's in %q", got, r.cfg.Templates)
			}
			_, guest := r.last()
			asked := time.Now()
			w, err := guest.SayHello(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if now := time.Now(); w.UnixNanos != now.UnixNano() || now.Sub(asked) != took {
				t.Errorf("told the time %v, %v after it was asked", time.Unix(0, w.UnixNanos), now.Sub(asked))
			}
			if _, err := guest.SayHello(t.Context()); err != nil || m.saved != 1 {
				t.Errorf("saved %d times, %v", m.saved, err)
			}
			if told := strings.Count(log.String(), "no room"); (told == 1) != (failure != nil) {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

// TestNoTemplate: nothing is saved that nobody asked for.
func TestNoTemplate(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		m := &templatedVM{save: func() error { return nil }}
		withTemplates(r, m)
		r.boot(GuestSpec{})
		if r.cfgs[0].Templates != "" || m.saved != 0 {
			t.Errorf("templates in %q, %d saved", r.cfgs[0].Templates, m.saved)
		}
	})
}

// TestCopyThatIsSilent: a Hello off the tape is no sign of life. The template of a guest that shows none by
// itself is thrown away; that of one that was killed is not.
func TestCopyThatIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(r *rig, g *Guest, demand func())
		dropped   int
	}{
		"silent":       {func(*rig, *Guest, func()) {}, 1},
		"panics":       {func(r *rig, _ *Guest, _ func()) { r.vms[0].End(vmm.ExitError{Cause: vmm.CauseGuestPanic}) }, 1},
		"killed":       {func(_ *rig, g *Guest, _ func()) { g.Kill() }, 0},
		"goes on well": {func(r *rig, _ *Guest, demand func()) { demand(); powerOff(r.vms[0]) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
				m := &templatedVM{from: true, save: func() error { return nil }}
				withTemplates(r, m)
				g, _, guest := r.boot(GuestSpec{Template: true, HelloDeadline: time.Minute})
				c.meanwhile(r, g, func() { r.demand(guest, 64*mib, 1000) })
				_, err := g.Wait()
				if m.dropped != c.dropped {
					t.Errorf("%d templates thrown away, want %d", m.dropped, c.dropped)
				}
				var late *HelloError
				if isLate := errors.As(err, &late); isLate != (name == "silent") || isLate && !strings.Contains(late.Error(), "did not go on from its template within 1m0s") {
					t.Errorf("ended by %v", err)
				}
			})
		})
	}
}

// TestSeeds: no two guests get the same, nor one guest the same twice.
func TestSeeds(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		seen := map[string]bool{}
		for range 2 {
			_, _, guest := r.boot(GuestSpec{})
			for range 2 {
				w, err := guest.SayHello(t.Context())
				if err != nil || len(w.Seed) != seedSize || seen[string(w.Seed)] {
					t.Errorf("seed %x, %v", w.Seed, err)
				}
				seen[string(w.Seed)] = true
			}
		}
	})
}
