package memlimit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/internal/cgroup"
)

// own is the group of version 2 that this process moves into.
const own = "silo-node"

// findBase returns the folder of the group below which this process makes its own.
func findBase() (dir string, v2 bool, err error) {
	p, err := procfs.Self()
	if err != nil {
		return "", false, fmt.Errorf("read own process: %w", err)
	}
	mounts, err := procfs.GetMounts()
	if err != nil {
		return "", false, fmt.Errorf("read mounts: %w", err)
	}
	groups, err := p.Cgroups()
	if err != nil {
		return "", false, fmt.Errorf("read own cgroups: %w", err)
	}
	return baseIn(mounts, groups, cgroup.Controllers)
}

// baseIn is findBase with what it reads. controllers reads the list of a version 2 mount.
func baseIn(mounts []*procfs.MountInfo, groups []procfs.Cgroup, controllers func(string) string) (string, bool, error) {
	m, err := cgroup.Find(mounts, controllers, "memory")
	if err != nil {
		return "", false, err
	}
	group, err := m.Of(groups)
	if err != nil {
		return "", false, err
	}
	path := strings.TrimSuffix(strings.TrimPrefix(group, strings.TrimSuffix(m.Root, "/")), "/"+own)
	if strings.HasPrefix(path, "/..") {
		return "", false, fmt.Errorf("find cgroup: %s is outside the mounted hierarchy %s", group, m.Dir)
	}
	return filepath.Join(m.Dir, path), m.V2, nil
}

// handDown lets groups below base have the memory controller. The root may always; another only without processes, so
// those move aside.
func handDown(base string) error {
	err := cgroup.Write(base, "cgroup.subtree_control", "+memory")
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	aside := filepath.Join(base, own)
	if err := os.Mkdir(aside, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make memory cgroup: %w", err)
	}
	pids, err := cgroup.Read(base, "cgroup.procs")
	if err != nil {
		return err
	}
	for _, pid := range strings.Fields(pids) {
		if err := cgroup.Write(aside, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return cgroup.Write(base, "cgroup.subtree_control", "+memory")
}

// Sweep removes the groups of machines that keep does not know, and returns their names.
func (l *Limits) Sweep(keep func(name string) bool) (removed []string, err error) {
	if l.base == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(l.base)
	if err != nil {
		return nil, fmt.Errorf("find memory cgroups: %w", err)
	}
	var errs []error
	for _, e := range entries {
		name, ours := strings.CutPrefix(e.Name(), prefix)
		if !ours || !e.IsDir() || keep(name) {
			continue
		}
		if err := os.Remove(l.dir(name)); err != nil { // a busy one belongs to another node
			if !errors.Is(err, unix.EBUSY) && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			continue
		}
		removed = append(removed, name)
	}
	return removed, errors.Join(errs...)
}
