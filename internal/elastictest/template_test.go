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

// TestFollowsFromATemplate: a guest that goes on from a template grows and shrinks as one that booted.
func TestFollowsFromATemplate(t *testing.T) {
	first, second := bootTwice(t, setup{name: "heap", most: 1024 * mib}, "250")
	first.guest.Kill()
	<-first.guest.Done()
	follows(t, second)
}

// TestGateFromATemplate: so does its gate.
func TestGateFromATemplate(t *testing.T) {
	t.Parallel() // it asks for no processor in particular
	first, second := bootTwice(t, setup{name: "grab", most: 128 * mib}, "300")
	first.guest.Kill()
	exit, err := second.wait()
	if err != nil || exit.Cause != "refused" {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, second.transcript())
	}
}

// told is what a twin told.
type told struct {
	random []string
	off    time.Duration // its clock, less the host's when it was heard
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
		got = told{random: strings.Fields(m[1]), off: time.Until(time.Unix(0, nanos))}
		return true
	})
	return got
}

// TestTwins: guests of one template share no randomness, and their clocks are right however old it is.
func TestTwins(t *testing.T) {
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
		t.Logf("guest %d: %d numbers such as %s, clock off by %v", i, len(g.random), g.random[0], g.off)
		if g.off.Abs() > time.Second {
			t.Errorf("guest %d: its clock is off by %v", i, g.off)
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
