package devsetup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// fake is a machine of which a test decides everything.
type fake struct {
	root    bool
	has     map[string]bool // commands and files
	inert   bool            // installing succeeds and brings nothing
	fail    map[int]bool    // numbers of the runs that fail
	ran     []string
	environ []string
}

var errRun = errors.New("exit status 100")

func (f *fake) Root() bool                  { return f.root }
func (f *fake) HasCommand(name string) bool { return f.has[name] }
func (f *fake) HasFile(name string) bool    { return f.has[name] }

func (f *fake) Run(_ context.Context, env []string, name string, args ...string) error {
	n := len(f.ran)
	f.ran = append(f.ran, name+" "+strings.Join(args, " "))
	f.environ = env
	switch {
	case f.fail[n]:
		return errRun
	case slices.Contains(args, "update"):
		f.has[lists] = true
	case !f.inert:
		for _, p := range Packages {
			if slices.Contains(args, p.Name) {
				f.has[p.Command], f.has[p.File] = true, true
			}
		}
	}
	return nil
}

// with has everything but the packages named.
func with(root, indexes bool, absent ...string) *fake {
	f := &fake{root: root, has: map[string]bool{lists: indexes}, fail: map[int]bool{}}
	for _, p := range Packages {
		if !slices.Contains(absent, p.Name) {
			f.has[p.Command+p.File] = true
		}
	}
	return f
}

func TestEnsure(t *testing.T) {
	const (
		update  = "apt-get -o DPkg::Lock::Timeout=300 update -q"
		install = "apt-get -o DPkg::Lock::Timeout=300 -q install -y --no-install-recommends flex bc"
	)
	failing := func(f *fake, runs ...int) *fake {
		for _, n := range runs {
			f.fail[n] = true
		}
		return f
	}
	inert := with(true, true, "flex", "bc")
	inert.inert = true
	cases := []struct {
		name string
		sys  *fake
		ran  []string
		want string // part of the error; "" = none
	}{
		{"nothing absent", with(false, false), nil, ""},
		{"absent for another purpose", with(false, false, "redis-tools"), nil, ""},
		{"root", with(true, true, "flex", "bc"), []string{install}, ""},
		{"root without indexes", with(true, false, "flex", "bc"), []string{update, install}, ""},
		{"not root", with(false, true, "flex", "bc"), nil, "run:\n  sudo apt-get install -y --no-install-recommends flex bc"},
		{"old indexes", failing(with(true, true, "flex", "bc"), 0), []string{install, update, install}, ""},
		{"no such package", failing(with(true, true, "flex", "bc"), 0, 2), []string{install, update, install}, "by hand: apt-get install -y"},
		{"no network", failing(with(true, false, "flex", "bc"), 0), []string{update}, "update package lists: exit status 100"},
		{"network lost", failing(with(true, true, "flex", "bc"), 0, 1), []string{install, update}, "update package lists"},
		{"fresh indexes are not fetched twice", failing(with(true, false, "flex", "bc"), 1), []string{update, install}, "install packages"},
		{"installed, but not there", inert, []string{install}, "install flex: apt-get succeeded, but flex is not there"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Ensure(t.Context(), c.sys, Kernel, VM)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if !slices.Equal(c.sys.ran, c.ran) {
				t.Errorf("ran %q\nwant %q", c.sys.ran, c.ran)
			}
			if c.ran != nil && !slices.Contains(c.sys.environ, "DEBIAN_FRONTEND=noninteractive") {
				t.Error("apt-get might ask questions")
			}
		})
	}
}

func TestAbsentErrorIsTyped(t *testing.T) {
	var absent *AbsentError
	err := Ensure(t.Context(), with(false, true, "redis-tools"), Redis)
	if !errors.As(err, &absent) || len(absent.Packages) != 1 || absent.Packages[0].Name != "redis-tools" {
		t.Errorf("error %#v", err)
	}
}

// TestPackagesAreVisible: a package that could not be seen would be installed again for ever.
func TestPackagesAreVisible(t *testing.T) {
	for _, p := range Packages {
		if (p.Command == "") == (p.File == "") {
			t.Errorf("%s: exactly one of Command and File must be set", p.Name)
		}
		if len(p.For) == 0 {
			t.Errorf("%s is for nothing", p.Name)
		}
	}
}

// TestMachine asks the real machine: what runs tests has a shell and no such program.
func TestMachine(t *testing.T) {
	var out strings.Builder
	m := Machine(&out)
	if !m.HasCommand("sh") || m.HasCommand("silo-no-such-program") {
		t.Error("programs are not found by name")
	}
	if !m.HasFile("/proc/sel*") || m.HasFile("/proc/nothing/*") {
		t.Error("files are not found by pattern")
	}
	if err := m.Run(t.Context(), []string{"WORD=hello"}, "sh", "-c", "echo $WORD"); err != nil || out.String() != "hello\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := m.Run(t.Context(), nil, "sh", "-c", "exit 3"); err == nil || !strings.Contains(err.Error(), "run sh: exit status 3") {
		t.Errorf("a program that fails: %v", err)
	}
}
