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
