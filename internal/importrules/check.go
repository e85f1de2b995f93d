package importrules

import (
	"fmt"
	"slices"
	"strings"
)

// Package is what `go list -json` says of one, as far as the rules care.
type Package struct {
	ImportPath string
	Standard   bool     // of the standard library
	Imports    []string // directly, without its tests
	Deps       []string // directly and indirectly
}

// Check returns a line for each import that the rules do not allow, sorted. Tests may import what
// they like: they run nowhere but at home.
func Check(rules []Rule, packages []Package) []string {
	standard := map[string]bool{}
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
	}
	var lines []string
	for _, p := range packages {
		path, ours := strings.CutPrefix(p.ImportPath, Module+"/")
		if !ours {
			continue
		}
		r, ok := ruleFor(rules, path)
		if !ok {
			lines = append(lines, path+": no rule says what it may import; add one to internal/importrules")
			continue
		}
		lines = append(lines, r.check(path, p, standard)...)
	}
	slices.Sort(lines)
	return lines
}

// ruleFor finds the rule with the longest path above a package.
func ruleFor(rules []Rule, path string) (best Rule, ok bool) {
	for _, r := range rules {
		if under(path, r.Path) && len(r.Path) >= len(best.Path) {
			best, ok = r, true
		}
	}
	return best, ok
}

// under reports whether path is top or below it.
func under(path, top string) bool {
	return path == top || strings.HasPrefix(path, top+"/")
}

func (r Rule) check(path string, p Package, standard map[string]bool) (lines []string) {
	bad := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf(path+" "+format+": "+r.Why, args...))
	}
	for _, imp := range p.Imports {
		sub, ours := strings.CutPrefix(imp, Module+"/")
		switch {
		case ours && !r.allows(sub):
			bad("may not import %s", sub)
		case standard[imp] && slices.ContainsFunc(r.Std, func(s string) bool { return under(imp, s) }):
			bad("may not import %s", imp)
		}
	}
	for _, dep := range p.Deps {
		if r.Lean && !standard[dep] && !under(dep, Module) && !under(dep, "golang.org/x") {
			bad("may not depend on %s", dep)
		}
	}
	return lines
}

// allows reports whether a package of silo may be imported: one named by the rule, or one under the
// rule's own path.
func (r Rule) allows(path string) bool {
	return under(path, r.Path) || slices.ContainsFunc(r.Silo, func(s string) bool { return under(path, s) })
}
