package vmm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDiskIsForOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.img")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := openDisk(Disk{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	var busy *DiskBusyError
	for _, d := range []Disk{{Path: path}, {Path: path, ReadOnly: true}} {
		if _, err := openDisk(d); !errors.As(err, &busy) || busy.Path != path {
			t.Errorf("%+v while another has it: %v", d, err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openDisk(Disk{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// Who only looks whether a disk is taken, by a shared lock, does not count as a guest.
func TestDiskIsLookedAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.img")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	looking, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(looking.Fd()), unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(5*time.Millisecond, func() { looking.Close() })
	f, err := openDisk(Disk{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestDiskRefusals(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd")
	if err := os.WriteFile(odd, make([]byte, 4097), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openDisk(Disk{Path: odd}); err == nil || !strings.Contains(err.Error(), "a multiple of 512 bytes, this has 4097") {
		t.Errorf("%v", err)
	}
	if _, err := openDisk(Disk{Path: filepath.Join(dir, "absent")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	f, err := os.Open(odd)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(odd); err != nil {
		t.Fatal(err)
	}
	if err := takeDisk(f); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("one that was removed while it was opened: %v", err)
	}
}
