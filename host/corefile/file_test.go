package corefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/internal/smallfs"
)

// entries are the names in a folder.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func write(t *testing.T, f *File, text string, at int64) {
	t.Helper()
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "cores")
	if err := Check(dir); err != nil {
		t.Fatal(err)
	}
	path := Path(dir, "kv/1")
	if path != filepath.Join(dir, "kv_1.core") {
		t.Errorf("path %s", path)
	}
	for _, text := range []string{"first", "second, in place of it"} {
		f, err := Create(path, OtherFolder)
		if err != nil {
			t.Fatal(err)
		}
		write(t, f, text, 1<<20)
		if err := f.Finish(8 << 20); err != nil {
			t.Fatal(err)
		}
		f.Abort("") // of no effect
		b, err := os.ReadFile(path)
		if err != nil || len(b) != 8<<20 || !strings.HasPrefix(string(b[1<<20:]), text) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&0o777 != 0o600 || st.Blocks*512 > 1<<20 {
		t.Errorf("mode %o, %d blocks, %v: want 0600 and holes", st.Mode, st.Blocks, err)
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

// TestAbort: a core that broke off leaves nothing, and the one before in place.
func TestAbort(t *testing.T) {
	dir := t.TempDir()
	path := Path(dir, "kv")
	if err := os.WriteFile(path, []byte("the one before"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, OtherFolder)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, "half", 0)
	f.Abort("it broke off")
	if b, err := os.ReadFile(path); err != nil || string(b) != "the one before" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("written after its end: %v", err)
	}
	if err := f.Finish(1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("finished after its end: %v", err)
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

// TestErrorsNameTheFix: one line that says what to do.
func TestErrorsNameTheFix(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, filepath.Join(file, "below")} {
		if err := Check(bad); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := Create(Path(filepath.Join(dir, "nowhere"), "kv"), OtherFolder); err == nil || !strings.Contains(err.Error(), "give another folder with --core") {
		t.Errorf("no folder: %v", err)
	}
	err := explain("/x/kv.core", OtherFolder, &os.PathError{Op: "write", Path: "somewhere", Err: syscall.ENOSPC})
	if want := "write core /x/kv.core: no space left on device: make room there, or give another folder with --core"; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestFullDisk needs a small file system, and so root.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	smallfs.Mount(t, dir, "64k")
	f, err := Create(Path(dir, "kv"), OtherFolder)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); err == nil; at += 4096 {
		_, err = f.WriteAt(make([]byte, 4096), at)
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room there") {
		t.Errorf("full: %v", err)
	}
	f.Abort("full")
	if got := entries(t, dir); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}
