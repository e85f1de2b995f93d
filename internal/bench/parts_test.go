package bench

import (
	"slices"
	"strings"
	"testing"
)

// TestPick: a part is selected by any word that its name has, and a comma too many selects nothing.
func TestPick(t *testing.T) {
	all := []string{"silo/ramp50", "silo/ramp50@5s", "static/steps"}
	same := func(s string) string { return s }
	for words, want := range map[string][]string{
		"":               all,
		"silo/ramp50@5s": {"silo/ramp50@5s"},
		"steps, @5s":     {"silo/ramp50@5s", "static/steps"},
		"ramp50,":        {"silo/ramp50", "silo/ramp50@5s"},
		"silo,ramp":      {"silo/ramp50", "silo/ramp50@5s"},
		",":              nil,
		"none":           nil,
	} {
		if got := pick(all, words, same); !slices.Equal(got, want) {
			t.Errorf("%q selects %q, want %q", words, got, want)
		}
	}
	if err := errNoPart("none", []string{"b", "a", "b"}); !strings.Contains(err.Error(), `="none": there are a, b`) {
		t.Error(err)
	}
}

// TestPickOfBenchmarks: the words that CONTRIBUTING names select what they say.
func TestPickOfBenchmarks(t *testing.T) {
	plan := heapPlan()
	if got := pick(plan, "", cellPlan.name); len(got) != len(plan) {
		t.Errorf("nothing said selects %d of %d", len(got), len(plan))
	}
	got := names(pick(plan, "silo/ramp50@, balloon/steps", cellPlan.name), cellPlan.name)
	if want := []string{"silo/ramp50@100ms", "silo/ramp50@5s", "silo/ramp50@1m0s", "balloon/steps"}; !slices.Equal(got, want) {
		t.Errorf("selected %q", got)
	}
	if got := pick(plan, "none", cellPlan.name); len(got) != 0 {
		t.Errorf("selected %v", got)
	}
	all := cpuParts()
	for words, want := range map[string]int{"": len(all), "park": 1, "grant,steady": 2, "nothing": 0, ",": 0} {
		if got := pick(all, words, cpuPart.title); len(got) != want {
			t.Errorf("%q selects %d, want %d", words, len(got), want)
		}
	}
}

// TestEachBenchmarkHasParts, and none of a name that says nothing.
func TestEachBenchmarkHasParts(t *testing.T) {
	for what, all := range map[string][]string{
		"heap cells":       names(heapPlan(), cellPlan.name),
		"heap comparisons": names(heapComparisons(), heapComparison.title),
		"cpu":              names(cpuParts(), cpuPart.title),
		"migrate":          names(migrateParts(), migratePart.title),
		"guests":           names(guestsParts(), guestsPart.title),
	} {
		if len(all) == 0 || slices.Contains(all, "") {
			t.Errorf("%s: %q", what, all)
		}
	}
}
