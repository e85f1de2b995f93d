package threads

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestOver(t *testing.T) {
	const busy, some, monitor = 300, 100, 0
	for _, c := range []struct {
		name     string
		threads  []thread
		from, to int
		want     []move
	}{
		{"nobody waits", []thread{{1, 0, busy}}, 1, 2, nil},
		{"one waits", []thread{{1, 0, some}, {2, 0, busy}}, 1, 2, []move{{1, 1}}},
		{"what has done most stays, the monitor waits on", []thread{{2, 0, monitor}, {1, 0, some}, {3, 0, busy}}, 1, 2, []move{{1, 1}}},
		{"somebody is there already", []thread{{1, 0, busy}, {2, 1, some}, {3, 0, some}}, 1, 2, nil},
		{"two come", []thread{{1, 0, busy}, {2, 1, busy}, {3, 1, some}, {4, 0, 2 * some}}, 2, 4, []move{{4, 2}, {3, 3}}},
		{"elsewhere", []thread{{1, 7, busy}, {2, 0, some}}, 1, 2, nil},
	} {
		if got := over(c.threads, c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("%s: moved %v, want %v", c.name, got, c.want)
		}
	}
}

// TestOverLeavesNobodyAlone: each thread is moved once at most, to a vCPU that was added, on which nobody was; none of those that have
// one to themselves is moved.
func TestOverLeavesNobodyAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		to := rapid.IntRange(2, 6).Draw(t, "to")
		from := rapid.IntRange(1, to-1).Draw(t, "from")
		on := make([]int, to)
		var all []thread
		for i := range rapid.IntRange(0, 8).Draw(t, "threads") {
			th := thread{i, rapid.IntRange(0, to-1).Draw(t, "vcpu"), rapid.IntRange(0, 9).Draw(t, "ran")}
			on[th.vcpu]++
			all = append(all, th)
		}
		for _, m := range over(all, from, to) {
			if m.vcpu < from || m.vcpu >= to || on[m.vcpu] != 0 {
				t.Fatalf("thread %d goes to vCPU %d of [%d, %d), where %d are", m.tid, m.vcpu, from, to, on[m.vcpu])
			}
			on[m.vcpu]++
			i := slices.IndexFunc(all, func(th thread) bool { return th.tid == m.tid })
			if on[all[i].vcpu]--; on[all[i].vcpu] == 0 {
				t.Fatalf("vCPU %d is left with nobody", all[i].vcpu)
			}
		}
	})
}

func TestParse(t *testing.T) {
	line := "42 (a) R b) S 1 1 1 0 -1 4194560 1 0 0 0 7 9 0 0 20 0 3 0 1 1 1 1 1 1 1 1 1 1 1 1 0 0 0 0 17 5 0 0 0 0 0 0 0 0 0 0 0 0 0"
	got, runs, err := parse([]byte(line))
	if want := (thread{tid: 42, vcpu: 5, ran: 16}); err != nil || runs || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, runs %v, %v; want %+v that sleeps", got, runs, err, want)
	}
	for _, bad := range []string{"", "42 (a) R", "x" + line[2:]} {
		if _, _, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestSpread moves one of two threads that share a processor, and leaves it where it may go anywhere. One that may not go there stays.
func TestSpread(t *testing.T) {
	var all, first unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil || !all.IsSet(0) || !all.IsSet(1) {
		t.Skip("this machine has no two processors that are numbered from 0")
	}
	first.Set(0)
	pid := busyProcess(t)
	p, err := Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	allow := func(set unix.CPUSet) {
		tids, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tids { // those that do not run may do so later
			tid, err := strconv.Atoi(e.Name())
			if err == nil {
				err = unix.SchedSetaffinity(tid, &set)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	spread := func() Crowd {
		if err := twoOf(t, p, 0).Spread(1, 2); err != nil {
			t.Fatal(err)
		}
		return twoOf(t, p, 0)
	}
	twoOf(t, p, 5) // by then it makes no more threads
	elsewhere := func(th thread) bool { return th.vcpu == 1 }
	allow(first)
	if after := spread(); slices.ContainsFunc(after, elsewhere) {
		t.Errorf("a thread went where it may not: %+v", after)
	}
	// Who else wants the second processor may have it before it is looked at.
	var after Crowd
	for range 20 {
		allow(first)
		allow(all)
		if after = spread(); slices.ContainsFunc(after, elsewhere) {
			break
		}
	}
	if !slices.ContainsFunc(after, elsewhere) {
		t.Errorf("nobody runs on the second processor: %+v", after)
	}
	for _, th := range after {
		var may unix.CPUSet
		if err := unix.SchedGetaffinity(th.tid, &may); err != nil || may != all {
			t.Errorf("thread %d may only run on %v, %v", th.tid, may, err)
		}
	}
}

// busyProcess starts a process that has two threads at work until the test ends.
func busyProcess(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBusy$")
	cmd.Env = append(os.Environ(), "SILO_BUSY=1", "GOMAXPROCS=2")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

// twoOf waits until there are two that have run for so many hundredths of a second.
func twoOf(t *testing.T, p *Process, ran int) Crowd {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := p.Running()
		if err != nil {
			t.Fatal(err)
		}
		if len(slices.DeleteFunc(slices.Clone(c), func(th thread) bool { return th.ran < ran })) >= 2 {
			return c
		}
		if time.Now().After(end) {
			t.Fatalf("there are no two busy threads: %+v", c)
		}
	}
}

// TestBusy is the process that TestSpread starts.
func TestBusy(t *testing.T) {
	if os.Getenv("SILO_BUSY") == "" {
		t.Skip("it is a process of TestSpread")
	}
	busy := func() {
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		}
	}
	go busy()
	busy()
}
