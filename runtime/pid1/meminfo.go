package pid1

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// memory is what the guest's kernel says of its memory, in bytes.
type memory struct {
	total int64 // managed by the page allocator
	free  int64 // on its free lists
}

// parseMemory takes two lines of /proc/meminfo. It runs ten times a second in a process that
// should touch no new memory, so it allocates nothing.
func parseMemory(b []byte) (memory, error) {
	var m memory
	var err error
	if m.total, err = memoryField(b, "MemTotal:"); err != nil {
		return memory{}, err
	}
	m.free, err = memoryField(b, "MemFree:")
	return m, err
}

func memoryField(b []byte, name string) (int64, error) {
	_, rest, ok := bytes.Cut(b, []byte(name))
	if !ok {
		return 0, fmt.Errorf("read meminfo: no %s", name)
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) != 2 || string(fields[1]) != "kB" {
		return 0, fmt.Errorf("read meminfo: %s %q is not a size in kB", name, line)
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read meminfo: %w", err)
	}
	return n << 10, nil
}

func readMemory() (memory, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return memory{}, fmt.Errorf("read meminfo: %w", err)
	}
	return parseMemory(b)
}
