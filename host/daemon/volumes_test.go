package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

func TestVolumesOverTheAPI(t *testing.T) {
	r := newRig(t)
	r.runAs = func(uint32) *vmm.User { return nil }
	ctx := t.Context()
	if all, err := r.client.Volumes(ctx); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	dir := filepath.Join(r.cfg.Dir, volumesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "db.img")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil { // as QEMU has it
		t.Fatal(err)
	}
	if all, err := r.client.Volumes(ctx); err != nil || len(all) != 1 || all[0].Name != "db" || !all[0].Busy || all[0].Size != 4096 {
		t.Errorf("%+v, %v", all, err)
	}
	refused(t, r.client.RemoveVolume(ctx, "db"), nodeapi.CodeState)
	refused(t, r.client.RemoveVolume(ctx, "other"), nodeapi.CodeNotFound)
	refused(t, r.client.RemoveVolume(ctx, "-x"), nodeapi.CodeInvalid)
	f.Close()
	if err := r.client.RemoveVolume(ctx, "db"); err != nil {
		t.Error(err)
	}
}

func TestVolumesRefused(t *testing.T) {
	r := newRig(t)
	apart := false
	r.runAs = func(uint32) *vmm.User {
		if apart {
			return &vmm.User{UID: 1}
		}
		return nil
	}
	here := t.TempDir()
	for _, c := range []struct {
		apart bool
		mount nodeapi.Mount
		code  nodeapi.Code
		say   string
	}{
		{false, nodeapi.Mount{Volume: "db", Path: "data"}, nodeapi.CodeInvalid, "not an absolute path"},
		{false, nodeapi.Mount{Volume: "db", Dir: here, Path: "/data"}, nodeapi.CodeInvalid, "give one of them"},
		{false, nodeapi.Mount{Volume: "d/b", Path: "/data"}, nodeapi.CodeInvalid, "not a name"},
		{false, nodeapi.Mount{Volume: "db", Path: "/data", Size: 1}, nodeapi.CodeInvalid, "16M"},
		{false, nodeapi.Mount{Dir: here + "/absent", Path: "/data"}, nodeapi.CodeInvalid, "no folder on the node's machine"},
		{true, nodeapi.Mount{Dir: here, Path: "/data"}, nodeapi.CodeInvalid, "use a named volume"},
	} {
		apart = c.apart
		s := r.spec("new")
		s.Volumes = []nodeapi.Mount{c.mount}
		_, err := r.client.Create(t.Context(), s)
		refused(t, err, c.code)
		if err != nil && !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v lacks %q", c.mount, err, c.say)
		}
	}
	if _, err := os.Stat(filepath.Join(r.cfg.Dir, volumesDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("volumes were made: %v", err)
	}
}
