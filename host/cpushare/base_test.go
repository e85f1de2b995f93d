package cpushare

import (
	"errors"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/internal/cgroup"
)

func TestBase(t *testing.T) {
	v1, v2 := cgroup.Mount{Controller: "cpu", Dir: "/cg/cpu"}, cgroup.Mount{Controller: "cpu", Dir: "/cg", V2: true}
	groups := []procfs.Cgroup{
		{HierarchyID: 4, Controllers: []string{"memory"}, Path: "/wrong"},
		{HierarchyID: 3, Controllers: []string{"cpu", "cpuacct"}, Path: "/user"},
		{HierarchyID: 0, Path: "/slice/unit"},
	}
	for _, c := range []struct {
		name string
		h    cgroup.Mount
		path string // in place of the hierarchy's own; "" = that
		want string
	}{
		{"version 1", v1, "", "/cg/cpu/user"},
		{"version 2", v2, "", "/cg/slice/unit"},
		{"the root", v2, "/", "/cg"},
		{"in a group of ours already", v1, "/user/silo-7-99", "/cg/cpu/user"},
		{"in its vCPUs", v2, "/a/silo-7-99/vcpus", "/cg/a"},
		{"somebody else's vcpus", v2, "/a/vcpus", "/cg/a/vcpus"},
		{"outside the mount", v2, "/../other", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := groups
			if c.path != "" {
				id := 0
				if !c.h.V2 {
					id = 3
				}
				list = []procfs.Cgroup{{HierarchyID: id, Controllers: []string{"cpu"}, Path: c.path}}
			}
			if got, err := baseOf(c.h, list); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if _, err := baseOf(v1, groups[2:]); !errors.Is(err, cgroup.ErrNoController) {
		t.Errorf("a process in no group of the hierarchy: %v", err)
	}
}

func TestNames(t *testing.T) {
	i := identity{4711, 98765}
	if got, ok := parseName(i.name()); !ok || got != i {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, name := range []string{"", "silo", "silo-", "silo-7", "silo-7-", "silo--1", "silo-0-1", "silo-07-1", "silo-7-1-1", "silo-99999999999-1", "other-7-1"} {
		if _, ok := parseName(name); ok {
			t.Errorf("%q is taken for ours", name)
		}
	}
}
