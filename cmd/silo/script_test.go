package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestScripts runs the command lines of testdata/script, which boot nothing.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script")
}

// runScripts runs every script of a folder. Each has a home, a cache and a TMPDIR of its own, and must leave
// nothing in them and no process.
func runScripts(t *testing.T, dir string) {
	goEnv := func(name string) string {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatalf("go env %s: %v", name, err)
		}
		return strings.TrimSpace(string(out))
	}
	gocache, gomodcache := goEnv("GOCACHE"), goEnv("GOMODCACHE")
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("SILO_SOCKET", filepath.Join(e.WorkDir, "node.sock"))
			e.Setenv("SILO_CACHE", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("GOCACHE", gocache)
			e.Setenv("GOMODCACHE", gomodcache)
			e.Setenv("GOFLAGS", "-mod=mod")
			e.Setenv("GOPROXY", os.Getenv("GOPROXY"))
			e.Setenv("SILO_KERNEL_SOURCE", filepath.Join(e.WorkDir, "none")) // a script must not build a kernel by accident
			e.Defer(func() { leavesNothing(t, e.WorkDir) })
			return nil
		},
		Condition: func(cond string) (bool, error) { return cond == "root" && os.Geteuid() == 0, nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "listen": listen, "await": await, "only": only, "tinyfs": tinyfs,
			"background": background, "interrupt": interrupt, "fill": fill, "registry": startRegistry,
			// clean looks now, before what the script mounted is gone.
			"clean": func(ts *testscript.TestScript, neg bool, args []string) { leavesNothing(t, ts.Getenv("WORK")) },
		},
	})
}

// exits runs a command that must end with a code: exits CODE COMMAND ARGS…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v ended with code %d, want %d", args[1:], got, want)
	}
}

// listen takes a port until the script ends and puts it into $PORT.
func listen(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv("PORT", port)
}

// only makes the named programs the only ones there are: only silo go
func only(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs("only")
	ts.Check(os.MkdirAll(dir, 0o755))
	for _, name := range args {
		path, err := exec.LookPath(name)
		ts.Check(err)
		ts.Check(os.Symlink(path, filepath.Join(dir, name)))
	}
	ts.Setenv("PATH", dir)
}

// tinyfs mounts a file system of 1 MiB until the script ends: tinyfs DIR
func tinyfs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		if os.Getenv("CI") == "true" || os.Geteuid() == 0 {
			ts.Fatalf("mount a tiny file system: %v", err)
		}
		ts.Logf("skipped: a tiny file system needs root: %v", err)
		runtime.Goexit()
	}
	ts.Defer(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			ts.Logf("unmount: %v", err)
		}
	})
}

// await waits until a file has a text in it: await FILE TEXT. Output of a command in the background goes to a file
// by way of sh -c.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(b), args[1]) {
			return
		}
	}
	b, _ := os.ReadFile(ts.MkAbs(args[0]))
	ts.Fatalf("%q did not come to have %q in 2 minutes; it has:\n%s", args[0], args[1], b)
}

// leavesNothing fails the test if a process still names the script's folder, or TMPDIR or the cache's scratch
// folder hold a file.
func leavesNothing(t *testing.T, work string) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := processes(work)
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Errorf("processes left: %q", left)
			break
		}
	}
	for _, dir := range []string{filepath.Join(work, ".tmp"), filepath.Join(work, "cache", "tmp")} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && path != dir && d.Name() != ".lock" {
				t.Errorf("left behind: %s", path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// processes lists the command lines of living processes that have text in their command line or environment. An
// orphan cannot escape: what a script starts inherits its $WORK.
func processes(text string) []string {
	var found []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if dir == "/proc/"+strconv.Itoa(os.Getpid()) {
			continue
		}
		cmdline, _ := os.ReadFile(dir + "/cmdline")
		environ, _ := os.ReadFile(dir + "/environ")
		if strings.Contains(string(cmdline), text) || strings.Contains(string(environ), text) {
			found = append(found, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}
