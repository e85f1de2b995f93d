package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func step(name string, takes time.Duration, err error) Step {
	return Step{name, func(_ context.Context, out io.Writer) error {
		time.Sleep(takes)
		fmt.Fprintln(out, "   this is", name)
		return err
	}}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		steps := []Step{step("one", 1234*time.Millisecond, nil), step("two", 75*time.Second, nil)}
		if err := Run(t.Context(), &out, "test", steps); err != nil {
			t.Error(err)
		}
		want := "== 1/2 one\n   this is one\n   one: ok, 1.23s\n== 2/2 two\n   this is two\n   two: ok, 1m15s\n" +
			"test: ok, all 2 steps in 1m16s\n"
		if out.String() != want {
			t.Errorf("printed\n%s\nwant\n%s", &out, want)
		}
	})
}

func TestRunFails(t *testing.T) {
	var out strings.Builder
	steps := []Step{step("one", 0, nil), step("two", 0, io.ErrNoProgress), step("three", 0, nil)}
	err := Run(t.Context(), &out, "test", steps)
	if !errors.Is(err, io.ErrNoProgress) || !strings.HasPrefix(err.Error(), "two: ") {
		t.Errorf("error %v", err)
	}
	if !regexp.MustCompile(`(?s)this is two\ntest: FAILED at "two", step 2 of 3, after \S+\n$`).MatchString(out.String()) {
		t.Errorf("printed\n%s", &out)
	}
}

func TestFormatted(t *testing.T) {
	const good, bad = "package p\n\nvar x = 1\n", "package p\nvar  x = 1\n"
	cases := []struct {
		name  string
		files map[string]string
		want  string // part of the error; "" = none
		says  string // part of what is printed
	}{
		{"good", map[string]string{"a.go": good, "sub/b.go": good}, "", ""},
		{"bad", map[string]string{"a.go": good, "sub/b.go": bad}, "1 files are not formatted", "b.go is not formatted"},
		{"not Go", map[string]string{"a.go": "package p\nfunc {"}, "format", ""},
		{"not ours", map[string]string{"out/a.go": bad, ".x/a.go": bad, "testdata/a.go": bad, "a.txt": bad}, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			err := Formatted(dir).Do(t.Context(), &out)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("printed %q, want %q", &out, c.says)
			}
		})
	}
}

func TestSortPackages(t *testing.T) {
	p := sortPackages([]listed{
		{ImportPath: module + "/alloc"}, {ImportPath: module + "/alloc.test", Deps: []string{"fmt"}},
		{ImportPath: module + "/host/vmm", Deps: []string{vmtesting + "x"}},
		{ImportPath: module + "/host/vmm [" + module + "/host/vmm.test]", Deps: []string{vmtesting}},
		{ImportPath: module + "/host/vmm.test", Deps: []string{"fmt", vmtesting + " [" + module + "/host/vmm.test]"}},
		{ImportPath: module + "/cmd/silo"}, // without tests
		{ImportPath: module + "/out/scratch"},
	})
	if want := []string{module + "/alloc", module + "/cmd/silo"}; !slices.Equal(p.Unit, want) {
		t.Errorf("unit %q, want %q", p.Unit, want)
	}
	if want := []string{module + "/host/vmm"}; !slices.Equal(p.VM, want) {
		t.Errorf("VM %q, want %q", p.VM, want)
	}
}

// TestWhatRunsAloneIsFound: the tests that want the whole machine are where they are looked for, and nowhere else.
func TestWhatRunsAloneIsFound(t *testing.T) {
	name := regexp.MustCompile(`(?m)^func (` + strings.TrimPrefix(aloneTests, "^") + `\w*)\(`)
	where := map[string]int{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "../.." && foreign(d.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		where[module+strings.TrimPrefix(filepath.Dir(path), "../..")] += len(name.FindAll(text, -1))
		return err
	})
	if err != nil || where[alonePackage] == 0 {
		t.Errorf("found %d in %s, %v", where[alonePackage], alonePackage, err)
	}
	delete(where, alonePackage)
	for pkg, n := range where {
		if n > 0 {
			t.Errorf("%d are in %s, where they do not run alone", n, pkg)
		}
	}
}

// TestLongestFirst: each package once, and what is named is there.
func TestLongestFirst(t *testing.T) {
	p, err := findPackages(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	all := p.All()
	got := longestFirst(all)
	if !slices.Equal(got[:len(longest)], longest) {
		t.Errorf("first are %q, want %q", got[:len(longest)], longest)
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(pkg string) bool { return slices.Contains(longest, pkg) })
	if !slices.Equal(got[len(longest):], rest) {
		t.Errorf("the others are %q, want %q", got[len(longest):], rest)
	}
}

// TestThisModule: the real list has packages of both kinds, each once.
func TestThisModule(t *testing.T) {
	p, err := findPackages(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(p.Unit, module+"/internal/checks") || !slices.Contains(p.Unit, simPackage) || !slices.Contains(p.VM, module+"/host/vmm") {
		t.Errorf("found %+v", p)
	}
	all := p.All()
	slices.Sort(all)
	if n := len(slices.Compact(slices.Clone(all))); n != len(all) {
		t.Errorf("%d of %d packages are listed twice", len(all)-n, len(all))
	}
	if _, err := findPackages(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder without a module has packages")
	}
}
