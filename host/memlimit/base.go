package memlimit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// errNoController says that no hierarchy of cgroups has the memory controller.
var errNoController = errors.New("no mounted cgroup hierarchy has the memory controller")

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
	return baseIn(mounts, groups, controllersOf)
}

// baseIn is findBase with what it reads. controllers reads the list of a version 2 mount.
func baseIn(mounts []*procfs.MountInfo, groups []procfs.Cgroup, controllers func(string) string) (string, bool, error) {
	for _, m := range mounts {
		_, memory := m.SuperOptions["memory"]
		v2 := m.FSType == "cgroup2" && slices.Contains(strings.Fields(controllers(m.MountPoint)), "memory")
		if !v2 && (m.FSType != "cgroup" || !memory) {
			continue
		}
		for _, g := range groups {
			if v2 && g.HierarchyID != 0 || !v2 && !slices.Contains(g.Controllers, "memory") {
				continue
			}
			path := strings.TrimSuffix(strings.TrimPrefix(g.Path, strings.TrimSuffix(m.Root, "/")), "/"+own)
			if strings.HasPrefix(path, "/..") {
				return "", false, fmt.Errorf("find cgroup: %s is outside the mounted hierarchy %s", g.Path, m.MountPoint)
			}
			return filepath.Join(m.MountPoint, path), v2, nil
		}
	}
	return "", false, errNoController
}

func controllersOf(mount string) string {
	b, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
	if err != nil {
		return ""
	}
	return string(b)
}

// handDown lets groups below base have the memory controller. The root may always; another only without processes, so
// those move aside.
func handDown(base string) error {
	err := write(base, "cgroup.subtree_control", "+memory")
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	aside := filepath.Join(base, own)
	if err := os.Mkdir(aside, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make memory cgroup: %w", err)
	}
	pids, err := os.ReadFile(filepath.Join(base, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("read memory cgroup: %w", err)
	}
	for _, pid := range strings.Fields(string(pids)) {
		if err := write(aside, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return write(base, "cgroup.subtree_control", "+memory")
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
