package cpushare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// errNoController says that no hierarchy of cgroups has the cpu controller.
var errNoController = errors.New("no mounted cgroup hierarchy has the cpu controller")

// hierarchy is where the host's cpu controller is.
type hierarchy struct {
	mount string // path
	v2    bool
}

// findHierarchy picks the hierarchy that has the cpu controller. controllers reads the list of a version 2 mount.
func findHierarchy(mounts []*procfs.MountInfo, controllers func(mount string) string) (hierarchy, error) {
	for _, m := range mounts {
		switch _, cpu := m.SuperOptions["cpu"]; {
		case m.FSType == "cgroup" && cpu:
			return hierarchy{mount: m.MountPoint}, nil
		case m.FSType == "cgroup2" && slices.Contains(strings.Fields(controllers(m.MountPoint)), "cpu"):
			return hierarchy{mount: m.MountPoint, v2: true}, nil
		}
	}
	return hierarchy{}, errNoController
}

// readControllers is the list of a version 2 mount; "" where there is none to read.
func readControllers(mount string) string {
	b, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
	if err != nil {
		return ""
	}
	return string(b)
}

// baseOf is the folder of the group that a process is in, by its /proc/PID/cgroup. Groups of ours do not count:
// a machine that is in one already belongs below the group above it.
func (h hierarchy) baseOf(groups []procfs.Cgroup) (string, error) {
	for _, g := range groups {
		if h.v2 != (g.HierarchyID == 0) || !h.v2 && !slices.Contains(g.Controllers, "cpu") {
			continue
		}
		path := g.Path
		for path != "/" && path != "." {
			if _, ours := parseName(filepath.Base(path)); ours {
				path = filepath.Dir(path)
				break
			}
			if filepath.Base(path) != vcpusName {
				path = g.Path
				break
			}
			path = filepath.Dir(path)
		}
		if strings.HasPrefix(path, "/..") {
			return "", fmt.Errorf("find cgroup: %s is outside the mounted hierarchy %s", path, h.mount)
		}
		return filepath.Join(h.mount, path), nil
	}
	return "", errNoController
}
