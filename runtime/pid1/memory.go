package pid1

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// memory is what the guest's kernel says of its memory, in bytes.
type memory struct {
	total int64 // managed by the page allocator: MemTotal of /proc/meminfo
	free  int64 // on its free lists: MemFree
}

// readMemory asks by a system call: /proc/meminfo says the same two figures, and counts fifty more for whoever reads it.
func readMemory() (memory, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return memory{}, fmt.Errorf("read memory: %w", err)
	}
	return memory{total: int64(info.Totalram) * int64(info.Unit), free: int64(info.Freeram) * int64(info.Unit)}, nil
}
