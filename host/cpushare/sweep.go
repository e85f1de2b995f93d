package cpushare

import (
	"errors"
	"fmt"
	"os"
)

// sweep removes the groups in base whose machines are no more, and returns their names.
func sweep(base string, v2 bool, alive func(identity) bool) (removed []string, err error) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	var errs []error
	for _, e := range entries {
		i, ours := parseName(e.Name())
		if !ours || !e.IsDir() || alive(i) {
			continue
		}
		machine, vcpus := machineGroups(base, i, v2)
		if err := errors.Join(vcpus.remove(), machine.remove()); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, e.Name())
	}
	return removed, errors.Join(errs...)
}
