package cgroup

import (
	"errors"
	"testing"

	"github.com/prometheus/procfs"
)

func TestFind(t *testing.T) {
	v1 := &procfs.MountInfo{FSType: "cgroup", MountPoint: "/cg/cpu,cpuacct", SuperOptions: map[string]string{"rw": "", "cpu": "", "cpuacct": ""}}
	memory := &procfs.MountInfo{FSType: "cgroup", MountPoint: "/cg/memory", SuperOptions: map[string]string{"memory": ""}}
	v2 := &procfs.MountInfo{FSType: "cgroup2", MountPoint: "/cg/unified"}
	for _, c := range []struct {
		name        string
		mounts      []*procfs.MountInfo
		controllers string
		want        Mount
		err         error
	}{
		{"version 1", []*procfs.MountInfo{memory, v1}, "", Mount{Controller: "cpu", Dir: "/cg/cpu,cpuacct"}, nil},
		{"version 2", []*procfs.MountInfo{v2}, "cpuset cpu io\n", Mount{Controller: "cpu", Dir: "/cg/unified", V2: true}, nil},
		{"both, the controller in version 1", []*procfs.MountInfo{v2, v1}, "hugetlb\n", Mount{Controller: "cpu", Dir: "/cg/cpu,cpuacct"}, nil},
		{"cpuset is not cpu", []*procfs.MountInfo{v2, memory}, "cpuset\n", Mount{}, ErrNoController},
		{"none", nil, "", Mount{}, ErrNoController},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Find(c.mounts, func(string) string { return c.controllers }, "cpu")
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
