package cpushare

import (
	"errors"
	"testing"

	"github.com/prometheus/procfs"
)

func TestFindHierarchy(t *testing.T) {
	v1 := &procfs.MountInfo{FSType: "cgroup", MountPoint: "/cg/cpu,cpuacct", SuperOptions: map[string]string{"rw": "", "cpu": "", "cpuacct": ""}}
	memory := &procfs.MountInfo{FSType: "cgroup", MountPoint: "/cg/memory", SuperOptions: map[string]string{"memory": ""}}
	v2 := &procfs.MountInfo{FSType: "cgroup2", MountPoint: "/cg/unified"}
	for _, c := range []struct {
		name        string
		mounts      []*procfs.MountInfo
		controllers string
		want        hierarchy
		err         error
	}{
		{"version 1", []*procfs.MountInfo{memory, v1}, "", hierarchy{mount: "/cg/cpu,cpuacct"}, nil},
		{"version 2", []*procfs.MountInfo{v2}, "cpuset cpu io\n", hierarchy{mount: "/cg/unified", v2: true}, nil},
		{"both, the controller in version 1", []*procfs.MountInfo{v2, v1}, "hugetlb\n", hierarchy{mount: "/cg/cpu,cpuacct"}, nil},
		{"cpuset is not cpu", []*procfs.MountInfo{v2, memory}, "cpuset\n", hierarchy{}, errNoController},
		{"none", nil, "", hierarchy{}, errNoController},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := findHierarchy(c.mounts, func(string) string { return c.controllers })
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestBase(t *testing.T) {
	v1, v2 := hierarchy{mount: "/cg/cpu"}, hierarchy{mount: "/cg", v2: true}
	groups := []procfs.Cgroup{
		{HierarchyID: 4, Controllers: []string{"memory"}, Path: "/wrong"},
		{HierarchyID: 3, Controllers: []string{"cpu", "cpuacct"}, Path: "/user"},
		{HierarchyID: 0, Path: "/slice/unit"},
	}
	for _, c := range []struct {
		name string
		h    hierarchy
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
				if !c.h.v2 {
					id = 3
				}
				list = []procfs.Cgroup{{HierarchyID: id, Controllers: []string{"cpu"}, Path: c.path}}
			}
			if got, err := c.h.baseOf(list); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if _, err := v1.baseOf(groups[2:]); !errors.Is(err, errNoController) {
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
