package vmm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// scratch is a folder for all tests of this run.
var scratch string

func TestMain(m *testing.M) {
	beQEMU()
	if os.Getenv(orphanEnv) != "" {
		startAndWait()
	}
	os.Exit(run(m))
}

// run is m.Run and then a look at what the tests left behind.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "vmm-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	scratch = dir
	defer os.RemoveAll(dir)
	if code := m.Run(); code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if left := append(children(), descriptors()...); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "left behind:\n%s\n", strings.Join(left, "\n"))
		return 1
	}
	return 0
}

// children lists the processes that this one started and that have not been waited for.
func children() []string {
	var found []string
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, path := range tasks {
		list, _ := os.ReadFile(path)
		for _, pid := range strings.Fields(string(list)) {
			found = append(found, "process "+pid)
		}
	}
	return found
}

// descriptors lists the open ones of the kinds that machines use.
func descriptors() []string {
	var found []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		target, _ := os.Readlink("/proc/self/fd/" + entry.Name())
		ours := slices.ContainsFunc([]string{"socket:", "/memfd:", "anon_inode:[pidfd]"}, func(kind string) bool {
			return strings.HasPrefix(target, kind)
		})
		if ours {
			found = append(found, "descriptor "+entry.Name()+" "+target)
		}
	}
	return found
}
