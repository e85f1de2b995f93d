package checks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	module    = "github.com/silo-os/silo"
	vmtesting = module + "/internal/vmtesting" // what every test that boots a machine imports
)

// listed is what `go list -test -json` says of a package or of a test program.
type listed struct {
	ImportPath string
	Deps       []string
}

// Packages are the packages of the module by what their tests need.
type Packages struct {
	Unit []string // nothing
	VM   []string // QEMU and a guest kernel
}

// All is every package.
func (p Packages) All() []string { return slices.Concat(p.Unit, p.VM) }

// findPackages asks `go list` which packages there are and which of them boot machines in tests.
func findPackages(ctx context.Context, dir string) (Packages, error) {
	var stdout, stderr bytes.Buffer
	cmd := goCommand(ctx, dir, "list", "-test", "-json=ImportPath,Deps", "./...")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return Packages{}, fmt.Errorf("list packages: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var all []listed
	for dec := json.NewDecoder(&stdout); ; {
		var l listed
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			return sortPackages(all), nil
		}
		if err != nil {
			return Packages{}, fmt.Errorf("read package list: %w", err)
		}
		all = append(all, l)
	}
}

// sortPackages tells by each test program (named PACKAGE.test) whether it boots machines.
func sortPackages(all []listed) (p Packages) {
	boots := map[string]bool{}
	for _, l := range all {
		if pkg, isTest := strings.CutSuffix(l.ImportPath, ".test"); isTest {
			boots[pkg] = slices.ContainsFunc(l.Deps, isVMTesting)
		}
	}
	for _, l := range all {
		switch {
		case strings.HasSuffix(l.ImportPath, ".test") || strings.Contains(l.ImportPath, " ["):
			// a test program, or a package compiled again for one
		case strings.HasPrefix(l.ImportPath, module+"/out/"):
			// what targets leave behind
		case boots[l.ImportPath]:
			p.VM = append(p.VM, l.ImportPath)
		default:
			p.Unit = append(p.Unit, l.ImportPath)
		}
	}
	return p
}

// isVMTesting also knows the package when it was compiled again for a test of what it imports: then
// it is listed as "PATH [TEST]".
func isVMTesting(dep string) bool {
	path, _, _ := strings.Cut(dep, " ")
	return path == vmtesting
}

// Tests that want the whole machine, because a guest that must get both processors gets them only while nobody else uses one,
// have names that begin so, and are all in one package.
const (
	aloneTests   = "^TestAlone"
	alonePackage = module + "/internal/elastictest"
)

// simPackage simulates worlds, each in one goroutine.
const simPackage = module + "/host/broker/sim"

// longest are the packages whose tests take longest. They begin first, so that none of them is left over at the end.
var longest = []string{
	module + "/cmd/silo", module + "/internal/movetest", module + "/host/vmm", module + "/internal/apptest", module + "/internal/elastictest",
	module + "/images", module + "/host/vmm/internal/template", module + "/alloc",
}

// longestFirst sorts packages by that, and leaves the others in their order.
func longestFirst(pkgs []string) []string {
	place := func(pkg string) int {
		if i := slices.Index(longest, pkg); i >= 0 {
			return i
		}
		return len(longest)
	}
	return slices.SortedStableFunc(slices.Values(pkgs), func(a, b string) int { return place(a) - place(b) })
}
