package smallfs

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Mount mounts a file system in memory on a folder until the test ends. size is what the kernel's tmpfs takes, such as "64k" or "1m".
func Mount(t testing.TB, dir, size string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "true" || os.Geteuid() == 0 {
			t.Fatalf("mount a small file system: %v: run the test as root", err)
		}
		t.Skipf("a small file system needs root: %v: run the test as root", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}
