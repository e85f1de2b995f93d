package pid1

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

func TestPlanVolumes(t *testing.T) {
	disk := func(serial string) (string, error) {
		if serial == "lost" {
			return "", os.ErrNotExist
		}
		return "/dev/" + serial, nil
	}
	plan, err := planVolumes([]hvcall.Volume{
		{Name: "inner", Path: "/data/wal", Disk: "vdb"},
		{Name: "code", Path: "/code", Share: "silo1", ReadOnly: true},
		{Name: "outer", Path: "/data", Disk: "vda"},
	}, disk)
	if err != nil || len(plan) != 3 {
		t.Fatalf("%+v, %v", plan, err)
	}
	code, outer, inner := plan[0], plan[1], plan[2]
	if outer.name != "outer" || inner.name != "inner" {
		t.Errorf("the inner volume does not come behind the outer one: %+v", plan)
	}
	if outer.source != "/dev/vda" || outer.kind != "ext4" || outer.flags&unix.MS_RDONLY != 0 {
		t.Errorf("disk mounted as %+v", outer)
	}
	if code.source != "silo1" || code.kind != "9p" || code.flags&unix.MS_RDONLY == 0 || !strings.Contains(code.options, "trans=virtio") {
		t.Errorf("share mounted as %+v", code)
	}
	if _, err := planVolumes([]hvcall.Volume{{Name: "db", Path: "/data", Disk: "lost"}}, disk); !errors.Is(err, os.ErrNotExist) ||
		!strings.Contains(err.Error(), "mount volume db: ") {
		t.Errorf("without its disk: %v", err)
	}
}

func TestFindDisk(t *testing.T) {
	sys := t.TempDir()
	for name, serial := range map[string]string{"vda": "silo0", "vdb": "silo10"} {
		if err := os.MkdirAll(filepath.Join(sys, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, name, "serial"), []byte(serial+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	find := findDisk(sys)
	if device, err := find("silo10"); device != "/dev/vdb" || err != nil {
		t.Errorf("found %q, %v", device, err)
	}
	if _, err := find("silo1"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "find disk silo1 among 2") {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestMountAdvice(t *testing.T) {
	ext4, share := mount{name: "db", kind: "ext4"}, mount{name: "./src", kind: "9p"}
	for _, c := range []struct {
		m    mount
		err  error
		want string
	}{
		{ext4, unix.EUCLEAN, "silo volume rm db"},
		{ext4, unix.EINVAL, "fsck.ext4"},
		{share, unix.ENODEV, "does not know 9p: build the image again"},
		{share, unix.EINVAL, ""},
		{ext4, unix.EIO, ""},
	} {
		if got := c.m.advice(c.err); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s, %v: %q, want %q", c.m.kind, c.err, got, c.want)
		}
	}
}
