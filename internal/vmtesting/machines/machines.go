// Package machines finds the QEMUs that run, whoever knows them.
package machines

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// In lists the process ids of the QEMUs that have a file in a folder open, whoever knows them: a machine that
// outlives its starter has its console there.
func In(dir string) (pids []int) {
	names, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, exe := range names {
		if target, _ := os.Readlink(exe); !strings.Contains(target, "qemu-system") {
			continue
		}
		fds, _ := filepath.Glob(filepath.Join(filepath.Dir(exe), "fd", "*"))
		for _, fd := range fds {
			if target, _ := os.Readlink(fd); strings.HasPrefix(target, dir+"/") {
				var pid int
				if _, err := fmt.Sscanf(exe, "/proc/%d/exe", &pid); err == nil {
					pids = append(pids, pid)
				}
				break
			}
		}
	}
	return pids
}
