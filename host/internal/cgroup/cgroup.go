// Package cgroup is what the host's users of cgroups share: where a controller is mounted, in version 1 or 2, and how
// files of a group are written. It keeps no state and no locks.
//
//	m, err := cgroup.Find(mounts, cgroup.Controllers, "memory")
//	err = cgroup.Write(filepath.Join(m.Dir, "group"), "cgroup.procs", pid)
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// ErrNoController says that no mounted hierarchy has the controller.
var ErrNoController = errors.New("no mounted cgroup hierarchy has the controller")

// Mount is a mounted hierarchy that has a controller.
type Mount struct {
	Controller string
	Dir        string // where it is mounted
	Root       string // the group that is seen there as its root
	V2         bool
}

// Find picks the first mount that has a controller. controllers reads the list of a version 2 mount.
func Find(mounts []*procfs.MountInfo, controllers func(mount string) string, name string) (Mount, error) {
	for _, m := range mounts {
		_, v1 := m.SuperOptions[name]
		v2 := m.FSType == "cgroup2" && slices.Contains(strings.Fields(controllers(m.MountPoint)), name)
		if v2 || m.FSType == "cgroup" && v1 {
			return Mount{Controller: name, Dir: m.MountPoint, Root: m.Root, V2: v2}, nil
		}
	}
	return Mount{}, fmt.Errorf("%w %q", ErrNoController, name)
}

// Controllers is the list of a version 2 mount; "" where there is none to read.
func Controllers(mount string) string {
	b, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
	if err != nil {
		return ""
	}
	return string(b)
}

// Of picks from the groups that a process is in, by its /proc/PID/cgroup, the one of this hierarchy.
func (m Mount) Of(groups []procfs.Cgroup) (path string, err error) {
	for _, g := range groups {
		if m.V2 && g.HierarchyID == 0 || !m.V2 && slices.Contains(g.Controllers, m.Controller) {
			return g.Path, nil
		}
	}
	return "", fmt.Errorf("%w %q", ErrNoController, m.Controller)
}

// Write writes to a file of a group. It is never made: a folder without it is no group.
func Write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write cgroup: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write cgroup: %q: %w", value, err)
	}
	return nil
}

// Read reads a file of a group, without the space around what it says.
func Read(dir, file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return "", fmt.Errorf("read cgroup: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// A group is busy for a moment after its last process has ended.
const (
	removeTries = 40
	removePause = 5 * time.Millisecond
)

// Remove removes a group whose processes have ended. One that is not there is no error.
func Remove(dir string) error {
	for try := 1; ; try++ {
		err := os.Remove(dir)
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist):
			return nil
		case !errors.Is(err, unix.EBUSY), try == removeTries:
			return fmt.Errorf("remove cgroup: %w", err)
		}
		time.Sleep(removePause)
	}
}
