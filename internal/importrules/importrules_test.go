package importrules

import (
	"slices"
	"strings"
	"testing"
)

// TestModule is the check itself: the packages of this module against the rules.
func TestModule(t *testing.T) {
	packages, err := List(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, p := range packages {
		if under(p.ImportPath, Module) {
			ours++
		}
	}
	if ours < 10 {
		t.Fatalf("only %d packages of silo were listed", ours)
	}
	for _, line := range Check(Rules, packages) {
		t.Error(line)
	}
}

func TestCheck(t *testing.T) {
	std := []Package{{ImportPath: "fmt", Standard: true}, {ImportPath: "os", Standard: true}, {ImportPath: "os/exec", Standard: true}}
	cases := []struct {
		name, path    string
		imports, deps []string
		want          string // part of the only line; "" = no line
	}{
		{"the standard library", "hvcall", []string{"fmt", "os"}, nil, ""},
		{"another module", "host/vmm", nil, []string{"example.com/qmp"}, ""},
		{"its own parts", "host/node", []string{"@/host/vmm"}, nil, ""},
		{"a package named by the rule", "alloc", []string{"@/hvcall"}, nil, ""},
		{"a governor and the host", "alloc", []string{"@/host/vmm"}, nil, "alloc may not import host/vmm: a governor"},
		{"a name that only starts alike", "alloc", []string{"@/hvcallx"}, nil, "may not import hvcallx"},
		{"the host and guest code", "host/node", []string{"@/runtime/pid1"}, nil, "host/node may not import runtime/pid1"},
		{"the longest rule decides", "host/broker", []string{"@/host/vmm"}, nil, "host/broker may not import host/vmm"},
		{"a pure package and the world", "host/broker", []string{"os/exec"}, nil, "host/broker may not import os/exec: the broker is pure"},
		{"x is lean", "hvcall", nil, []string{"golang.org/x/time/rate"}, ""},
		{"weight for applications", "runtime", nil, []string{"github.com/u-root/u-root/pkg/libinit"}, "runtime may not depend on github.com/u-root"},
		{"no weight for PID 1", "runtime/pid1", nil, []string{"github.com/u-root/u-root/pkg/libinit"}, ""},
		{"a package nobody thought of", "helpers", nil, nil, "helpers: no rule"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := Package{ImportPath: Module + "/" + c.path, Deps: c.deps}
			for _, imp := range c.imports {
				p.Imports = append(p.Imports, strings.Replace(imp, "@", Module, 1))
			}
			lines := Check(Rules, append(slices.Clone(std), p))
			if c.want == "" && len(lines) != 0 || c.want != "" && (len(lines) != 1 || !strings.Contains(lines[0], c.want)) {
				t.Errorf("got %q, want %q", lines, c.want)
			}
		})
	}
}

// TestRulesAreSound: a rule that names a package which does not exist guards nothing.
func TestRulesAreSound(t *testing.T) {
	packages, err := List(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	exists := func(path string) bool {
		return slices.ContainsFunc(packages, func(p Package) bool { return under(p.ImportPath, Module+"/"+path) })
	}
	seen := map[string]bool{}
	for _, r := range Rules {
		if seen[r.Path] {
			t.Errorf("two rules for %s", r.Path)
		}
		seen[r.Path] = true
		for _, path := range append(slices.Clone(r.Silo), r.Path) {
			if !exists(path) {
				t.Errorf("the rule for %s names %s, which does not exist", r.Path, path)
			}
		}
	}
}

func TestListFails(t *testing.T) {
	if _, err := List(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "list packages") {
		t.Errorf("a folder without a module: %v", err)
	}
}
