package cpushare

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/silo-os/silo/host/internal/cgroup"
)

// group is one cgroup with the cpu controller, threaded where it is of version 2.
type group struct {
	dir string
	v2  bool
}

// make makes the group; one that is there already is taken as it is.
func (g group) make() error {
	if g.v2 {
		// The controller has to be handed down before a group can have it.
		if err := cgroup.Write(filepath.Dir(g.dir), "cgroup.subtree_control", "+cpu"); err != nil {
			return err
		}
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make cgroup: %w", err)
	}
	if g.v2 {
		return cgroup.Write(g.dir, "cgroup.type", "threaded")
	}
	return nil
}

// addProcess moves all threads of a process into the group.
func (g group) addProcess(pid int) error {
	return cgroup.Write(g.dir, "cgroup.procs", strconv.Itoa(pid))
}

// addThread moves one thread.
func (g group) addThread(tid int) error {
	file := "tasks"
	if g.v2 {
		file = "cgroup.threads"
	}
	return cgroup.Write(g.dir, file, strconv.Itoa(tid))
}

// set writes a setting.
func (g group) set(s setting) error {
	if err := g.setRank(s); err != nil {
		return err
	}
	if g.v2 {
		limit := "max"
		if s.cap > 0 {
			q := quotaOf(s.cap)
			limit = fmt.Sprintf("%d %d", q.runtime, q.period)
		}
		return cgroup.Write(g.dir, "cpu.max", limit)
	}
	if s.cap == 0 {
		return cgroup.Write(g.dir, "cpu.cfs_quota_us", "-1")
	}
	return g.setQuota(quotaOf(s.cap))
}

// setRank says before whom the group comes. An idle one has no weight that could be written. Linux before 5.15 knows none: there
// it has the least weight.
func (g group) setRank(s setting) error {
	idle := "0"
	if s.idle {
		idle = "1"
	}
	switch err := cgroup.Write(g.dir, "cpu.idle", idle); {
	case err == nil && s.idle:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case s.idle:
		s.weight = 0
	}
	if g.v2 {
		return cgroup.Write(g.dir, "cpu.weight", strconv.FormatInt(weightOf(s.weight), 10))
	}
	return cgroup.Write(g.dir, "cpu.shares", strconv.FormatInt(sharesOf(s.weight), 10))
}

// setQuota writes both halves of a version 1 quota. Between them the kernel checks an old half with a new one, so for a
// moment there is none.
func (g group) setQuota(q quota) error {
	have, err := cgroup.Read(g.dir, "cpu.cfs_period_us")
	if err != nil {
		return err
	}
	if have != strconv.FormatInt(q.period, 10) {
		if err := cgroup.Write(g.dir, "cpu.cfs_quota_us", "-1"); err != nil {
			return err
		}
		if err := cgroup.Write(g.dir, "cpu.cfs_period_us", strconv.FormatInt(q.period, 10)); err != nil {
			return err
		}
	}
	return cgroup.Write(g.dir, "cpu.cfs_quota_us", strconv.FormatInt(q.runtime, 10))
}

// throttled is how long the group's quota kept its threads from running, summed over processors.
func (g group) throttled() (time.Duration, error) {
	s, err := cgroup.Read(g.dir, "cpu.stat")
	if err != nil {
		return 0, err
	}
	return parseThrottled(s)
}

// parseThrottled reads cpu.stat: nanoseconds in version 1, microseconds in version 2. A group that never had a quota
// has neither in version 2.
func parseThrottled(stat string) (time.Duration, error) {
	for line := range strings.Lines(stat) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		unit := time.Nanosecond
		switch key {
		case "throttled_time":
		case "throttled_usec":
			unit = time.Microsecond
		default:
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read cpu.stat: %w", err)
		}
		return time.Duration(n) * unit, nil
	}
	return 0, nil
}

// remove removes the group. One that is not there is no error.
func (g group) remove() error { return cgroup.Remove(g.dir) }
