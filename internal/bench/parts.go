package bench

import (
	"fmt"
	"slices"
	"strings"
)

// cellsEnv names the variable that selects parts of a benchmark, in words that commas separate.
const cellsEnv = "SILO_BENCH_CELLS"

// pick keeps the parts whose name contains one of the words; no words keep all.
func pick[P any](parts []P, words string, name func(P) string) (some []P) {
	if words == "" {
		return parts
	}
	for _, p := range parts {
		for word := range strings.SplitSeq(words, ",") {
			if word = strings.TrimSpace(word); word != "" && strings.Contains(name(p), word) {
				some = append(some, p)
				break
			}
		}
	}
	return some
}

// errNoPart is the error of words that are in no name.
func errNoPart(words string, names []string) error {
	slices.Sort(names)
	return fmt.Errorf("select parts: no name has a word of %s=%q: there are %s", cellsEnv, words, strings.Join(slices.Compact(names), ", "))
}

// errSomeParts is the error of a benchmark that judges nothing, because words selected some of its parts.
func errSomeParts(some, all int) error {
	return fmt.Errorf("judge bars: %s selects %d of %d parts: unset it", cellsEnv, some, all)
}

// names are those of parts.
func names[P any](parts []P, name func(P) string) (all []string) {
	for _, p := range parts {
		all = append(all, name(p))
	}
	return all
}
