package elastictest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
)

// bootTwice boots a guest that is saved as a template, and one that goes on from it.
func bootTwice(t *testing.T, s setup, args ...string) (first, second *run) {
	t.Helper()
	s.templates = t.TempDir()
	first = boot(t, s, args...)
	<-first.guest.Said()
	if first.guest.FromTemplate() {
		t.Fatal("the first guest went on from a template")
	}
	second = boot(t, s, args...)
	if !second.guest.FromTemplate() {
		t.Fatal("the second guest did not go on from the template")
	}
	return first, second
}

// TestGateFromATemplate: a guest that goes on from a template has its gate, as one that booted.
func TestGateFromATemplate(t *testing.T) {
	t.Parallel()
	first, second := bootTwice(t, setup{name: "grab", most: 128 * mib, refuse: 2 * time.Second}, "300")
	first.guest.Kill()
	exit, err := second.wait()
	if err != nil || exit.Cause != "refused" {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, second.transcript())
	}
}

// told is what a twin told. By the host's clock that was between its begin and when it was heard, however busy the host is.
type told struct {
	random       []string
	clock        time.Time
	begun, heard time.Time // by the host's
}

func (r *run) told() (got told) {
	r.t.Helper()
	pattern := regexp.MustCompile(`random (.+)\nclock (\d+)\n`)
	r.until("what it tells", func(out string, _ node.Observation) bool {
		m := pattern.FindStringSubmatch(out)
		if m == nil {
			return false
		}
		var nanos int64
		if _, err := fmt.Sscan(m[2], &nanos); err != nil {
			r.t.Fatal(err)
		}
		got = told{random: strings.Fields(m[1]), clock: time.Unix(0, nanos), begun: r.begun, heard: time.Now()}
		return true
	})
	return got
}

// slack is how far the clock of a guest may be off.
const slack = 100 * time.Millisecond

// TestTwins: guests of one template share no randomness, and their clocks are right however old it is.
func TestTwins(t *testing.T) {
	t.Parallel()
	s := setup{name: "twin", most: 128 * mib, templates: t.TempDir()}
	first := boot(t, s)
	guests := []told{first.told()}
	first.until("the template to be old", func(out string, _ node.Observation) bool { return strings.Contains(out, "later") })
	first.guest.Kill()
	<-first.guest.Done()
	for range 2 {
		r := boot(t, s)
		if !r.guest.FromTemplate() {
			t.Fatal("it did not go on from the template")
		}
		guests = append(guests, r.told())
	}
	seen := map[string]int{}
	for i, g := range guests {
		early, late := g.clock.Sub(g.begun), g.heard.Sub(g.clock)
		t.Logf("guest %d: %d numbers such as %s, its clock %v after its begin and %v before it was heard", i, len(g.random), g.random[0], early, late)
		if early < -slack || late < -slack {
			t.Errorf("guest %d: its clock is wrong: %v after its begin and %v before it was heard", i, early, late)
		}
		if len(g.random) < 300 {
			t.Errorf("guest %d told %d random numbers", i, len(g.random))
		}
		for _, random := range g.random {
			if other, ok := seen[random]; ok {
				t.Errorf("guests %d and %d both came up with %s", other, i, random)
			}
			seen[random] = i
		}
	}
}
