package cpushare

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/internal/cgroup"
)

// spinEnv makes the test's own program one that spins: it runs where there is no other, as the first process of a guest.
const spinEnv = "CPUSHARE_TEST_SPIN"

func TestMain(m *testing.M) {
	for os.Getenv(spinEnv) != "" {
	}
	os.Exit(m.Run())
}

// spin starts a process that uses a processor whole, ended with the test.
func spin(t *testing.T) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), spinEnv+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	return cmd
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// enforcing opens the shares of this host, which must be able to enforce them.
func enforcing(t *testing.T) *Shares {
	t.Helper()
	s := Open(Config{})
	if s.why == nil {
		base, err := s.base(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		probe := group{filepath.Join(base, identity{1 << 30, 0}.name()), s.h.V2}
		err = probe.make()
		if rerr := probe.remove(); err == nil && rerr == nil {
			return s
		}
		s.why = err
	}
	if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
		t.Fatalf("cgroups cannot be written: %v", s.why)
	}
	t.Skipf("needs cgroups that can be written (%v): run it as root", s.why)
	return nil
}

// TestShareLife: the threads move into their groups, the limits are those asked for whatever the order they come
// in, and nothing is left.
func TestShareLife(t *testing.T) {
	s := enforcing(t)
	cmd := spin(t)
	pid := cmd.Process.Pid
	sh := s.Hold(pid, []int{pid})
	if sh.Advisory() {
		t.Fatal("nothing is enforced")
	}
	for _, a := range []Allowance{
		{Milli: 250, Max: 250}, {Milli: 1000, Max: 2000}, {Milli: 1000, Max: 2000, Last: true}, {Milli: 250, Max: 250}, {Milli: 1, Max: 1},
		{Milli: 2000, Max: 2000}, {Milli: 50, Max: 2000, Last: true}, {Milli: 50, Max: 50}, {Milli: 1500, Max: 1500},
	} {
		if err := sh.Set(a); err != nil {
			t.Fatal(err)
		}
		machine, vcpus := a.settings(1)
		for g, want := range map[group]setting{sh.machine: machine, sh.vcpus: vcpus} {
			if got := limitOf(t, g); want.cap == 0 && got != (quota{}) || want.cap != 0 && got != quotaOf(want.cap) {
				t.Errorf("%+v: %s has %+v, want a cap of %d", a, g.dir, got, want.cap)
			}
			if got := rankOf(t, g); got != rank(want, g.v2) {
				t.Errorf("%+v: %s has a rank of %q, want %+v", a, g.dir, got, want)
			}
		}
	}
	// Threads that it has started since are in the group of who started them.
	if got := strings.Fields(tasksOf(t, sh.vcpus)); !slices.Contains(got, strconv.Itoa(pid)) {
		t.Errorf("vCPU threads %q, want %d", got, pid)
	}
	if times, err := sh.Read(); err != nil || times.Ran == 0 {
		t.Errorf("times %+v, %v", times, err)
	}
	dir := sh.machine.dir
	end(cmd)
	for range 2 {
		if err := sh.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", dir, err)
	}
	if err := sh.Set(Allowance{Milli: 100, Max: 100}); err != nil {
		t.Errorf("set after the end: %v", err)
	}
}

// TestLeftoversAreRemoved: groups of a machine that is no more go at the next start, those of one that runs stay, and can be
// taken over.
func TestLeftoversAreRemoved(t *testing.T) {
	s := enforcing(t)
	dead, alive := spin(t), spin(t)
	threads := make([]int, 4) // as many vCPUs; one thread stands for all
	for i := range threads {
		threads[i] = alive.Process.Pid
	}
	left := s.Hold(dead.Process.Pid, []int{dead.Process.Pid})
	kept := s.Hold(alive.Process.Pid, threads)
	if err := kept.Set(Allowance{Milli: 1000, Max: 4000}); err != nil {
		t.Error(err)
	}
	end(dead) // and nobody closes its share

	var log bytes.Buffer
	next := Open(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := os.Stat(left.machine.dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", left.machine.dir, err)
	}
	if !strings.Contains(log.String(), filepath.Base(left.machine.dir)) || strings.Contains(log.String(), filepath.Base(kept.machine.dir)) {
		t.Errorf("log: %s", log.String())
	}
	again := next.Hold(alive.Process.Pid, threads)
	for _, a := range []Allowance{{Milli: 3000, Max: 4000}, {Milli: 4000, Max: 4000}, {Milli: 1000, Max: 4000}} {
		if err := again.Set(a); err != nil {
			t.Errorf("taken over: %v", err)
		}
	}
	if again.Advisory() || again.machine != kept.machine {
		t.Errorf("taken over as %+v, it was %+v", again.machine, kept.machine)
	}
	end(alive)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if err := kept.Close(); err != nil {
		t.Errorf("closed by somebody else before: %v", err)
	}
}

// TestAdvisory: without cgroups everything works and one line says so.
func TestAdvisory(t *testing.T) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := &Shares{log: slog.New(slog.NewTextHandler(&log, nil)), proc: proc, h: cgroup.Mount{Dir: t.TempDir()}}
	cmd := spin(t)
	for range 3 {
		sh := s.Hold(cmd.Process.Pid, []int{cmd.Process.Pid})
		if !sh.Advisory() {
			t.Fatal("a folder that is no cgroup hierarchy enforces")
		}
		if left, err := os.ReadDir(s.h.Dir); err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		if _, err := sh.Read(); err != nil {
			t.Error(err)
		}
		if err := sh.Set(Allowance{Milli: 250, Max: 250}); err != nil {
			t.Error(err)
		}
		if err := sh.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "as root") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	if _, err := s.Hold(1<<30, nil).Read(); err != nil {
		t.Errorf("no threads have no times to fail on: %v", err)
	}
	if _, err := s.Hold(1<<30, []int{1 << 30}).Read(); err == nil {
		t.Error("times of a process that is not there")
	}
}

func TestThrottledUnits(t *testing.T) {
	for stat, want := range map[string]int64{
		"nr_periods 3\nnr_throttled 1\nthrottled_time 1500\n":          1500,
		"usage_usec 9\nnr_periods 3\nthrottled_usec 7\nburst_usec 0\n": 7000,
		"usage_usec 9\n": 0,
	} {
		if got, err := parseThrottled(stat); err != nil || int64(got) != want {
			t.Errorf("%q: %v, %v", stat, got, err)
		}
	}
	if _, err := parseThrottled("throttled_usec x\n"); err == nil {
		t.Error("a figure that is none was read")
	}
}

// limitOf is the quota that the kernel says a group has; zero = none.
func limitOf(t *testing.T, g group) (q quota) {
	t.Helper()
	text := value(t, g, "cpu.cfs_quota_us", "cpu.max")
	if !g.v2 {
		text += " " + value(t, g, "cpu.cfs_period_us", "")
	}
	runtime, length, _ := strings.Cut(text, " ")
	if runtime == "-1" || runtime == "max" {
		return quota{}
	}
	if _, err := fmt.Sscan(runtime+" "+length, &q.runtime, &q.period); err != nil {
		t.Fatal(err)
	}
	return q
}

// rankOf is what the kernel says of a group: that it is idle, or its weight.
func rankOf(t *testing.T, g group) string {
	t.Helper()
	if value(t, g, "cpu.idle", "cpu.idle") == "1" {
		return "idle"
	}
	return value(t, g, "cpu.shares", "cpu.weight")
}

// rank is what it should say.
func rank(s setting, v2 bool) string {
	switch {
	case s.idle:
		return "idle"
	case v2:
		return fmt.Sprint(weightOf(s.weight))
	}
	return fmt.Sprint(sharesOf(s.weight))
}

func tasksOf(t *testing.T, g group) string { return value(t, g, "tasks", "cgroup.threads") }

// value reads a group's file, which has another name in each version.
func value(t *testing.T, g group, v1, v2 string) string {
	t.Helper()
	if g.v2 {
		v1 = v2
	}
	s, err := cgroup.Read(g.dir, v1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
