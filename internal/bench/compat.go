package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// compatDifferences is how many tests end otherwise in a guest than on its host without an explanation.
var compatDifferences = Bar{"compat.differences", 0, Lower, "tests"}

// compatPackages are those of the standard library whose own tests are run.
var compatPackages = []string{"bufio", "io", "sync", "time", "os", "net", "net/http", "runtime"}

// compatEnv names the variable that picks packages.
const compatEnv = "SILO_BENCH_PACKAGES"

// Compat runs the standard library's own tests of what touches the system, compiled as programs of guests are, on the host
// and in a guest, and compares how each of them ended.
func Compat(ctx context.Context, cfg Config) ([]Result, error) {
	if err := devsetup.Ensure(ctx, devsetup.Machine(cfg.Out), devsetup.VM, devsetup.Kernel); err != nil {
		return nil, err
	}
	packages, err := pickPackages(os.Getenv(compatEnv))
	if err != nil {
		return nil, err
	}
	if _, err := images.BuildKernel(ctx, images.KernelConfig{Progress: cfg.Out}); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "silo-compat")
	if err != nil {
		return nil, fmt.Errorf("make folder for tests: %w", err)
	}
	defer os.RemoveAll(dir)
	var all []difference
	ran := 0
	for _, pkg := range packages {
		s := suite{pkg: pkg, dir: filepath.Join(dir, strings.ReplaceAll(pkg, "/", "_")), out: cfg.Out}
		host, guest, err := s.race(ctx)
		if err != nil {
			return nil, fmt.Errorf("test %s: %w", pkg, err)
		}
		found := compare(pkg, host, guest)
		ran += len(host)
		all = append(all, found...)
		fmt.Fprintf(cfg.Out, "%-8s  host %v; guest %v; %d differences\n", pkg, host, guest, len(found))
	}
	return judgeCompat(cfg, packages, ran, all)
}

// pickPackages reads a list of packages by commas; "" = all.
func pickPackages(list string) ([]string, error) {
	if list == "" {
		return compatPackages, nil
	}
	picked := strings.Split(list, ",")
	for _, p := range picked {
		if !slices.Contains(compatPackages, p) {
			return nil, fmt.Errorf("%s: there is no %q; there are: %s", compatEnv, p, strings.Join(compatPackages, ", "))
		}
	}
	return picked, nil
}

// judgeCompat tells every difference, and counts those that nobody has explained.
func judgeCompat(cfg Config, packages []string, ran int, all []difference) ([]Result, error) {
	if ran == 0 {
		return nil, errors.New("no test was run")
	}
	unexplained, reasons := 0, map[string]int{}
	for _, d := range all {
		why, ok := explain(d)
		if !ok {
			unexplained++
			fmt.Fprintf(cfg.Out, "UNEXPLAINED %s\n%s", d, d.output)
			continue
		}
		reasons[why]++
		fmt.Fprintf(cfg.Out, "explained   %s\n", d)
	}
	note := fmt.Sprintf("%d tests, with -test.short, of %s; %d differences, of which explained: %d", ran, strings.Join(packages, ", "),
		len(all), len(all)-unexplained)
	for why, n := range reasons {
		note += fmt.Sprintf("; %d because %s", n, why)
	}
	r, err := compatDifferences.Of([]float64{float64(unexplained)}, note)
	return []Result{r}, err
}
