package cpushare

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// sweep removes the groups in base whose machines are no more, and returns their names. Those of another user are his to
// remove.
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
		err := errors.Join(vcpus.remove(), machine.remove())
		switch {
		case errors.Is(err, fs.ErrPermission):
			continue
		case err != nil:
			errs = append(errs, err)
			continue
		}
		removed = append(removed, e.Name())
	}
	return removed, errors.Join(errs...)
}
