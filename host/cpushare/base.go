package cpushare

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/internal/cgroup"
)

// baseOf is the folder of the group that a process is in, by its /proc/PID/cgroup. Groups of ours do not count:
// a machine that is in one already belongs below the group above it.
func baseOf(m cgroup.Mount, groups []procfs.Cgroup) (string, error) {
	found, err := m.Of(groups)
	if err != nil {
		return "", err
	}
	path := found
	for path != "/" && path != "." {
		if _, ours := parseName(filepath.Base(path)); ours {
			path = filepath.Dir(path)
			break
		}
		if filepath.Base(path) != vcpusName {
			path = found
			break
		}
		path = filepath.Dir(path)
	}
	if strings.HasPrefix(path, "/..") {
		return "", fmt.Errorf("find cgroup: %s is outside the mounted hierarchy %s", path, m.Dir)
	}
	return filepath.Join(m.Dir, path), nil
}
