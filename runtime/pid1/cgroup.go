package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// cgroup is one group of a version 1 hierarchy. Version 1 because only there a thread that runs into its
// limit can be made to wait (memory.oom_control) instead of being throttled or killed.
type cgroup struct {
	dir string
}

// newCgroup makes the group name under a mounted hierarchy.
func newCgroup(hierarchy, name string) (cgroup, error) {
	g := cgroup{dir: filepath.Join(hierarchy, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return cgroup{}, fmt.Errorf("make cgroup: %w", err)
	}
	return g, nil
}

func (g cgroup) path(file string) string { return filepath.Join(g.dir, file) }

func (g cgroup) write(file, value string) error {
	if err := os.WriteFile(g.path(file), []byte(value), 0); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// addThread moves the calling thread, and so all it forks from now on, into the group. The caller
// must have locked itself to its thread.
func (g cgroup) addThread() error { return g.write("tasks", strconv.Itoa(unix.Gettid())) }

// memoryGroup is the application's memory cgroup with its gate.
type memoryGroup struct {
	cgroup
	charged, stat, control *source
}

// newMemoryGroup makes the group and closes its gate: a thread above the limit waits.
func newMemoryGroup() (memoryGroup, error) {
	g, err := newCgroup(cgroupRoot+"/memory", "app")
	if err != nil {
		return memoryGroup{}, err
	}
	m := memoryGroup{cgroup: g}
	if err := m.write("memory.oom_control", "1"); err != nil {
		return memoryGroup{}, err
	}
	err = openSources(map[string]**source{
		g.path("memory.usage_in_bytes"): &m.charged, g.path("memory.stat"): &m.stat, g.path("memory.oom_control"): &m.control,
	})
	return m, err
}

// setLimit sets the most the application may be charged, in bytes. A limit below its usage that the
// kernel cannot reach by reclaiming is refused with EBUSY; the old one then stands.
func (m memoryGroup) setLimit(bytes int64) error {
	return m.write("memory.limit_in_bytes", strconv.FormatInt(bytes, 10))
}

// usage is what the application is charged, in bytes.
func (m memoryGroup) usage() (int64, error) {
	b, err := m.charged.read()
	if err != nil {
		return 0, err
	}
	n, ok := number(bytes.TrimSpace(b))
	if !ok {
		return 0, fmt.Errorf("read memory.usage_in_bytes: %q is no number", b)
	}
	return n, nil
}

// cache is how much of its usage is pages of files not used lately, in bytes.
func (m memoryGroup) cache() (int64, error) {
	b, err := m.stat.read()
	if err != nil {
		return 0, err
	}
	n, ok := statField(b, "total_inactive_file")
	if !ok {
		return 0, fmt.Errorf("read memory.stat: no total_inactive_file")
	}
	return n, nil
}

// statField finds a line "name value".
func statField(b []byte, name string) (int64, bool) {
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if string(key) == name {
			return number(value)
		}
	}
	return 0, false
}

// oomState is the content of memory.oom_control.
type oomState struct {
	waiting bool  // a thread waits at the limit
	kills   int64 // processes of the group killed by the kernel
}

func (m memoryGroup) oom() (oomState, error) {
	b, err := m.control.read()
	if err != nil {
		return oomState{}, err
	}
	return parseOOM(b), nil
}

// parseOOM takes two of the lines: a kernel may have more, or not all.
func parseOOM(b []byte) oomState {
	waiting, _ := statField(b, "under_oom")
	kills, _ := statField(b, "oom_kill")
	return oomState{waiting: waiting != 0, kills: kills}
}

// cpuGroup is the application's cpuset.
type cpuGroup struct {
	cgroup
}

func newCPUGroup(cpus int) (cpuGroup, error) {
	g, err := newCgroup(cgroupRoot+"/cpuset", "app")
	if err != nil {
		return cpuGroup{}, err
	}
	c := cpuGroup{g}
	if err := c.write("cpuset.mems", "0"); err != nil {
		return cpuGroup{}, err
	}
	return c, c.setWidth(cpus)
}

// setWidth lets the application run on the first n vCPUs.
func (c cpuGroup) setWidth(n int) error {
	list := "0"
	if n > 1 {
		list = "0-" + strconv.Itoa(n-1)
	}
	return c.write("cpuset.cpus", list)
}
