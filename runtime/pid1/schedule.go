package pid1

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/silo-os/silo/sched"
)

// schedule is what the kernel knows of how an application's threads run.
type schedule struct {
	runnable int           // threads that run or could; those of this process's that reads are not counted
	used     time.Duration // processor time, since its start
	waited   time.Duration // in which at least one of them waited for a vCPU, since its start
}

// sample makes it what a governor is fed with. The governor takes its own sampler off what runs; here it has been
// left out already.
func (s schedule) sample(vcpus int) sched.Sample {
	running := min(s.runnable, max(vcpus, 1))
	return sched.Sample{Running: running + 1, Runnable: s.runnable - running, Procs: vcpus, CPU: s.used, Waited: s.waited}
}

// countGroup is the application's cgroup of version 2. It limits nothing: it has no controllers, and yet counts
// processor time and pressure of just these processes, which version 1 does not.
type countGroup struct {
	cgroup
}

func newCountGroup() (countGroup, error) {
	g, err := newCgroup(cgroupRoot+"/unified", "app")
	return countGroup{g}, err
}

// add moves a process with all its threads into the group.
func (g countGroup) add(pid int) error { return g.write("cgroup.procs", strconv.Itoa(pid)) }

func (k *kernel) schedule() (s schedule, err error) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return s, fmt.Errorf("read run queue: %w", err)
	}
	if s.runnable, err = parseRunnable(b); err != nil {
		return s, err
	}
	stat, err := k.counts.read("cpu.stat")
	if err != nil {
		return s, err
	}
	micros, ok := statField(stat, "usage_usec")
	if !ok {
		return s, fmt.Errorf("read cpu.stat: no usage_usec")
	}
	s.used = time.Duration(micros) * time.Microsecond
	pressure, err := k.counts.read("cpu.pressure")
	if err != nil {
		return s, err
	}
	s.waited, err = parsePressure([]byte(pressure))
	return s, err
}

// parseRunnable takes the fourth field of /proc/loadavg, "running/all", less the thread that reads it.
func parseRunnable(b []byte) (int, error) {
	fields := bytes.Fields(b)
	if len(fields) < 4 {
		return 0, fmt.Errorf("read run queue: %q has no fourth field", b)
	}
	running, _, _ := bytes.Cut(fields[3], []byte("/"))
	n, err := strconv.Atoi(string(running))
	if err != nil {
		return 0, fmt.Errorf("read run queue: %w", err)
	}
	return max(0, n-1), nil
}
