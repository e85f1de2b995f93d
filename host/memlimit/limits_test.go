package memlimit

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/internal/cgroup"
)

func TestBaseIn(t *testing.T) {
	v1 := &procfs.MountInfo{FSType: "cgroup", Root: "/", MountPoint: "/sys/fs/cgroup/memory", SuperOptions: map[string]string{"memory": ""}}
	cpu := &procfs.MountInfo{FSType: "cgroup", Root: "/", MountPoint: "/sys/fs/cgroup/cpu", SuperOptions: map[string]string{"cpu": ""}}
	v2 := &procfs.MountInfo{FSType: "cgroup2", Root: "/", MountPoint: "/sys/fs/cgroup"}
	nested := &procfs.MountInfo{FSType: "cgroup2", Root: "/docker/x", MountPoint: "/sys/fs/cgroup"}
	both := func(string) string { return "cpu memory" }
	none := func(string) string { return "hugetlb" }
	for name, c := range map[string]struct {
		mounts      []*procfs.MountInfo
		groups      []procfs.Cgroup
		controllers func(string) string
		dir         string
		v2          bool
	}{
		"v1":          {[]*procfs.MountInfo{cpu, v2, v1}, []procfs.Cgroup{{HierarchyID: 0, Path: "/"}, {HierarchyID: 4, Controllers: []string{"memory"}, Path: "/a"}}, none, "/sys/fs/cgroup/memory/a", false},
		"v2":          {[]*procfs.MountInfo{v2}, []procfs.Cgroup{{Path: "/system.slice/silo-node.service"}}, both, "/sys/fs/cgroup/system.slice/silo-node.service", true},
		"v2, again":   {[]*procfs.MountInfo{v2}, []procfs.Cgroup{{Path: "/system.slice/silo-node.service/silo-node"}}, both, "/sys/fs/cgroup/system.slice/silo-node.service", true},
		"v2, nested":  {[]*procfs.MountInfo{nested}, []procfs.Cgroup{{Path: "/docker/x/y"}}, both, "/sys/fs/cgroup/y", true},
		"nowhere":     {[]*procfs.MountInfo{cpu, v2}, []procfs.Cgroup{{Path: "/"}}, none, "", false},
		"not visible": {[]*procfs.MountInfo{v2}, []procfs.Cgroup{{Path: "/../x"}}, both, "", false},
	} {
		dir, is2, err := baseIn(c.mounts, c.groups, c.controllers)
		if dir != c.dir || is2 != c.v2 || (err == nil) != (c.dir != "") {
			t.Errorf("%s: %q, %v, %v", name, dir, is2, err)
		}
	}
	if _, _, err := baseIn(nil, nil, none); !errors.Is(err, cgroup.ErrNoController) {
		t.Errorf("no mounts: %v", err)
	}
}

// TestAdvisory: where nothing can be enforced everything is allowed.
func TestAdvisory(t *testing.T) {
	l := &Limits{}
	if !l.Advisory() || l.Confine("x", 1, 1) != nil || l.Set("x", 1) != nil || l.Remove("x") != nil || l.Held("x") != 0 {
		t.Error("something was done")
	}
}

// TestGroup goes through a group's life with the kernel's own files.
func TestGroup(t *testing.T) {
	l := Open(Config{})
	if l.Advisory() {
		if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
			t.Fatal("no memory cgroups can be made")
		}
		t.Skip("no memory cgroups can be made: run it as root")
	}
	name := "test-" + filepath.Base(t.TempDir())
	sleep := exec.Command("sleep", "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleep.Wait()
	defer sleep.Process.Kill()
	if err := l.Confine(name, sleep.Process.Pid, 64<<20); err != nil {
		t.Fatal(err)
	}
	limit := func() string {
		b, err := os.ReadFile(filepath.Join(l.dir(name), l.file()))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if diff := cmp.Diff("738197504\n", limit()); diff != "" { // 64 MiB and the overhead
		t.Error(diff)
	}
	if err := l.Set(name, 128<<20); err != nil || limit() != "805306368\n" {
		t.Errorf("%v, %s", err, limit())
	}
	if removed, err := l.Sweep(func(string) bool { return false }); err != nil || len(removed) != 0 {
		t.Errorf("a group in use was swept: %v, %v", removed, err)
	}
	_ = sleep.Process.Kill()
	_, _ = sleep.Process.Wait()
	if err := l.Remove(name); err != nil {
		t.Error(err)
	}
	if err := l.Remove(name); err != nil {
		t.Errorf("twice: %v", err)
	}
}
