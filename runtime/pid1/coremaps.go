package pid1

import (
	"fmt"
	"strconv"
	"strings"
)

// mapping is a part of a process's memory, as /proc/PID/maps has it.
type mapping struct {
	start, end uint64
	perm       string // such as "rw-p"
	offset     uint64 // in its file, bytes
	inode      uint64 // 0 = no file
	name       string
}

// kept is how much of it from its beginning on goes into a core, bytes. It is what a program has written, and what says of a
// file which it is; the rest of a file is in the file. Shared memory is left out: what was never touched of it would be
// made by reading.
func (m mapping) kept() uint64 {
	switch {
	case m.name == "[vdso]":
		return m.end - m.start
	case m.perm[0] != 'r', m.perm[3] != 'p', strings.HasPrefix(m.name, "[v"): // the kernel's own
		return 0
	case m.inode == 0, m.perm[1] == 'w':
		return m.end - m.start
	case m.offset == 0:
		return pageSize
	}
	return 0
}

// parseMaps reads /proc/PID/maps.
func parseMaps(b []byte) (maps []mapping, err error) {
	for line := range strings.Lines(string(b)) {
		m, err := parseMapping(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("read mapping %q: %w", line, err)
		}
		maps = append(maps, m)
	}
	return maps, nil
}

func parseMapping(line string) (m mapping, err error) {
	part := strings.SplitN(line, " ", 6)
	if len(part) < 5 || len(part[1]) != 4 {
		return m, strconv.ErrSyntax
	}
	from, to, _ := strings.Cut(part[0], "-")
	m.perm = part[1]
	for _, n := range []struct {
		into *uint64
		text string
		base int
	}{{&m.start, from, 16}, {&m.end, to, 16}, {&m.offset, part[2], 16}, {&m.inode, part[4], 10}} {
		if *n.into, err = strconv.ParseUint(n.text, n.base, 64); err != nil {
			return m, err
		}
	}
	if m.start%pageSize != 0 || m.end%pageSize != 0 || m.start >= m.end {
		return m, strconv.ErrRange
	}
	if len(part) == 6 {
		m.name = strings.TrimLeft(part[5], " ")
	}
	return m, nil
}
