package vmm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// memfdLink begins what the links of QEMU's memory backends under /proc/PID/fd point to.
const memfdLink = "/memfd:" + memoryName

// ResidentOf is the guest memory of a QEMU process that exists on the host, bytes, whoever started the
// process: what its memory backends of type memory-backend-memfd hold at this moment.
func ResidentOf(pid int) (int64, error) {
	files, err := memoryFiles(pid)
	if err != nil {
		return 0, err
	}
	return allocated(files)
}

// findMemory returns the paths of a process's guest memory, one for each backend.
func findMemory(pid, backends int) ([]string, error) {
	found, err := memoryFiles(pid)
	if err == nil && len(found) != backends {
		return nil, fmt.Errorf("find guest memory: %d memory files of process %d, want %d", len(found), pid, backends)
	}
	return found, err
}

// memoryFiles returns the paths of the memory files that a process has open.
func memoryFiles(pid int) ([]string, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("find guest memory: %w", err)
	}
	var found []string
	seen := make(map[fileID]bool) // a file that was handed to QEMU is open there twice
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		target, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(target, memfdLink) {
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || seen[idOf(st)] {
			continue
		}
		seen[idOf(st)] = true
		found = append(found, path)
	}
	return found, nil
}

// fileID tells files apart: each in huge pages is of a file system of its own.
type fileID struct{ dev, inode uint64 }

func idOf(st unix.Stat_t) fileID { return fileID{st.Dev, st.Ino} }

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
