package smallfs

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestMount: what is written into it is soon too much, and it goes with its test.
func TestMount(t *testing.T) {
	dir := t.TempDir()
	t.Run("there", func(t *testing.T) {
		Mount(t, dir, "64k")
		if err := os.WriteFile(filepath.Join(dir, "f"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("1 MiB into 64 KiB: %v", err)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
