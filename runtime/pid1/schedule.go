package pid1

import (
	"bytes"
	"fmt"
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
	stat, pressure *source
}

func newCountGroup() (countGroup, error) {
	g, err := newCgroup(cgroupRoot+"/unified", "app")
	if err != nil {
		return countGroup{}, err
	}
	c := countGroup{cgroup: g}
	err = openSources(map[string]**source{g.path("cpu.stat"): &c.stat, g.path("cpu.pressure"): &c.pressure})
	return c, err
}

// add moves a process with all its threads into the group.
func (g countGroup) add(pid int) error { return g.write("cgroup.procs", strconv.Itoa(pid)) }

func (k *kernel) schedule() (s schedule, err error) {
	b, err := k.load.read()
	if err != nil {
		return s, err
	}
	if s.runnable, err = parseRunnable(b); err != nil {
		return s, err
	}
	if b, err = k.counts.stat.read(); err != nil {
		return s, err
	}
	micros, ok := statField(b, "usage_usec")
	if !ok {
		return s, fmt.Errorf("read cpu.stat: no usage_usec")
	}
	s.used = time.Duration(micros) * time.Microsecond
	if b, err = k.counts.pressure.read(); err != nil {
		return s, err
	}
	s.waited, err = parsePressure(b)
	return s, err
}

// parseRunnable takes the fourth field of /proc/loadavg, "running/all", less the thread that reads it.
func parseRunnable(b []byte) (int, error) {
	rest := b
	for range 3 {
		_, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	running, _, ok := bytes.Cut(rest, []byte("/"))
	n, isNumber := number(running)
	if !ok || !isNumber {
		return 0, fmt.Errorf("read run queue: %q has no number of running threads in its fourth field", b)
	}
	return int(max(0, n-1)), nil
}
