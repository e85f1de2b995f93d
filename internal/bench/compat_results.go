package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// outcome is how a test ended.
type outcome string

// The outcomes. A test that a run never came to, or that was under way when the run ended, has none.
const (
	passed  outcome = "pass"
	failed  outcome = "fail"
	skipped outcome = "skip"
	none    outcome = "none"
)

// testResult is what one test did.
type testResult struct {
	outcome outcome
	output  string
}

// results are those of a run, by the names of tests and subtests.
type results map[string]testResult

// String counts them.
func (r results) String() string {
	count := map[outcome]int{}
	for _, t := range r {
		count[t.outcome]++
	}
	return fmt.Sprintf("%d passed, %d failed, %d skipped", count[passed], count[failed]+count[none], count[skipped])
}

// failures are the names of the tests at the top that did not end well.
func (r results) failures() (names []string) {
	for name, t := range r {
		if (t.outcome == failed || t.outcome == none) && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// testEvent is what go tool test2json says.
type testEvent struct {
	Action string
	Test   string
	Output string
}

// outputKept is how much of a test's output is told with a difference.
const outputKept = 4 << 10

// decodeResults reads the events of one run.
func decodeResults(r io.Reader) (results, error) {
	found := results{}
	d := json.NewDecoder(bufio.NewReader(r))
	for {
		var e testEvent
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read test events: %w", err)
		}
		if e.Test == "" {
			continue
		}
		t, ok := found[e.Test]
		if !ok {
			t.outcome = none
		}
		switch e.Action {
		case "pass", "fail", "skip":
			t.outcome = outcome(e.Action)
		case "output":
			if len(t.output) < outputKept {
				t.output += e.Output
			}
		}
		found[e.Test] = t
	}
}

// difference is a test that ended otherwise in a guest.
type difference struct {
	pkg, test   string
	host, guest outcome
	output      string // of the guest's
}

// String is one line.
func (d difference) String() string {
	return fmt.Sprintf("%s.%s: %s on the host, %s in the guest", d.pkg, d.test, d.host, d.guest)
}

// compare lists the differences, in the order of their names. A test whose subtests differ is listed by those, unless they
// do not account for it.
func compare(pkg string, host, guest results) (found []difference) {
	names := map[string]bool{}
	for name := range host {
		names[name] = true
	}
	for name := range guest {
		names[name] = true
	}
	of := func(r results, name string) outcome {
		if t, ok := r[name]; ok {
			return t.outcome
		}
		return none
	}
	for name := range names {
		if h, g := of(host, name), of(guest, name); h != g {
			found = append(found, difference{pkg: pkg, test: name, host: h, guest: g, output: indent(guest[name].output)})
		}
	}
	slices.SortFunc(found, func(a, b difference) int { return strings.Compare(a.test, b.test) })
	return dropParents(found)
}

// dropParents leaves out a test that only differs because a subtest of it does.
func dropParents(found []difference) (kept []difference) {
	for _, d := range found {
		below := slices.ContainsFunc(found, func(o difference) bool {
			return strings.HasPrefix(o.test, d.test+"/") && o.host == d.host && o.guest == d.guest
		})
		if !below {
			kept = append(kept, d)
		}
	}
	return kept
}

func indent(output string) string {
	var b bytes.Buffer
	for line := range strings.Lines(output) {
		b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}
