package vmm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// memfdLink begins what the links of QEMU's memory backends under /proc/PID/fd point to.
const memfdLink = "/memfd:memory-backend-memfd"

// findMemory returns the paths of a process's guest memory, one for each backend.
func findMemory(pid, backends int) ([]string, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("find guest memory: %w", err)
	}
	var found []string
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if target, err := os.Readlink(path); err == nil && strings.HasPrefix(target, memfdLink) {
			found = append(found, path)
		}
	}
	if len(found) != backends {
		return nil, fmt.Errorf("find guest memory: %d memory files in %s, want %d", len(found), dir, backends)
	}
	return found, nil
}

// allocated is the memory that exists in the files, bytes.
func allocated(files []string) (int64, error) {
	var sum int64
	for _, path := range files {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			return 0, fmt.Errorf("read size of guest memory: %w", &os.PathError{Op: "stat", Path: path, Err: err})
		}
		sum += st.Blocks * 512 // the unit of st_blocks, whatever the block size
	}
	return sum, nil
}
