package cpushare

import (
	"fmt"
	"strconv"
	"strings"
)

// vcpusName is the group of a machine's vCPUs inside the machine's group.
const vcpusName = "vcpus"

// identity tells a process from all others that had, or will have, its number.
type identity struct {
	pid   int
	start uint64 // of the process, in clock ticks since boot
}

const namePrefix = "silo-"

func (i identity) name() string { return fmt.Sprintf("%s%d-%d", namePrefix, i.pid, i.start) }

// parseName reads a group's name; false = it is not one of ours.
func parseName(name string) (identity, bool) {
	rest, ours := strings.CutPrefix(name, namePrefix)
	pid, start, two := strings.Cut(rest, "-")
	p, err1 := strconv.ParseInt(pid, 10, 32)
	s, err2 := strconv.ParseUint(start, 10, 64)
	i := identity{int(p), s}
	if !ours || !two || err1 != nil || err2 != nil || p <= 0 || i.name() != name {
		return identity{}, false
	}
	return i, true
}
