package volume

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needs fails where the file system's tools are missing on a machine that must have them, and skips elsewhere.
func needs(t *testing.T) {
	t.Helper()
	if _, err := findMkfs(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func store(t *testing.T) Store {
	t.Helper()
	needs(t)
	return Store{Dir: filepath.Join(t.TempDir(), "volumes")}
}

func use(t *testing.T, s Store, name string, size int64) string {
	t.Helper()
	path, err := s.Use(t.Context(), name, size)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// hold takes a volume's lock as a guest has it, until the test ends or it is given back.
func hold(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestVolumeIsMadeOnce(t *testing.T) {
	s := store(t)
	path := use(t, s, "db", 0)
	before, err := os.Stat(path)
	if err != nil || before.Size() != DefaultSize || before.Mode() != 0o600 {
		t.Fatalf("%v, %v", before, err)
	}
	if out, err := exec.Command("/usr/sbin/fsck.ext4", "-n", path).CombinedOutput(); err != nil {
		t.Errorf("its file system is not whole: %v: %s", err, out)
	}
	again := use(t, s, "db", DefaultSize)
	if after, err := os.Stat(again); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("used again it is %v, %v", after, err)
	}
	all, err := s.List()
	if err != nil || len(all) != 1 || all[0].Name != "db" || all[0].Size != DefaultSize || all[0].Busy {
		t.Fatalf("listed as %+v, %v", all, err)
	}
	if all[0].Used > 16<<20 {
		t.Errorf("an empty volume takes %d bytes", all[0].Used)
	}
}

func TestSmallestVolume(t *testing.T) {
	s := store(t)
	path := use(t, s, "tiny", LeastSize)
	if out, err := exec.Command("/usr/sbin/fsck.ext4", "-n", path).CombinedOutput(); err != nil {
		t.Errorf("its file system is not whole: %v: %s", err, out)
	}
}

// TestVolumeIsMadeByOne: many that want it at once get the same file.
func TestVolumeIsMadeByOne(t *testing.T) {
	s := store(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			path, err := s.Use(context.Background(), "db", 64<<20)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if left, err := filepath.Glob(filepath.Join(s.Dir, unmade+"*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// TestVolumesAreMadeSideBySide: who makes a volume does not wait for one whose file system takes long, nor sweeps it away.
func TestVolumesAreMadeSideBySide(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	started, on := filepath.Join(dir, "started"), filepath.Join(dir, "on")
	script := "#!/bin/sh\nfor last; do :; done\ncase $last in *slow*) : >" + started + "; while [ ! -e " + on + " ]; do sleep 0.01; done;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, mkfsName), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	s := Store{Dir: filepath.Join(dir, "volumes")}
	slow := make(chan error, 1)
	go func() { _, err := s.Use(context.Background(), "slow", 0); slow <- err }()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(started); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is not begun")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Use(ctx, "quick", 0); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(on, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-slow; err != nil {
		t.Error(err)
	}
	if all, err := s.List(); err != nil || len(all) != 2 || all[0].Busy || all[1].Busy {
		t.Errorf("made: %+v, %v", all, err)
	}
}

func TestBegunVolumeIsSwept(t *testing.T) {
	s := store(t)
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(s.Dir, unmade+"db")
	if err := os.WriteFile(stale, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("a volume that is not made is listed: %+v, %v", all, err)
	}
	use(t, s, "db", 16<<20)
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it stays: %v", err)
	}
}

func TestUseRefusals(t *testing.T) {
	s := store(t)
	use(t, s, "db", 32<<20)
	for _, c := range []struct {
		name string
		size int64
		as   any
		say  string
	}{
		{"", 0, new(*NameError), `volume "": not a name`},
		{"../db", 0, new(*NameError), "use up to 63 letters"},
		{"-db", 0, new(*NameError), "the first a letter or digit"},
		{strings.Repeat("x", 64), 0, new(*NameError), "up to 63"},
		{"new", LeastSize - 4096, new(*SizeError), "use 16M to 16T"},
		{"new", -1, new(*SizeError), "use 16M to 16T"},
		{"new", MostSize + 4096, new(*SizeError), "use 16M to 16T"},
		{"new", 32<<20 + 1, new(*SizeError), "multiple of 4096"},
		{"db", 64 << 20, new(*SizeError), "it has 32 MiB and cannot have 64 MiB"},
	} {
		_, err := s.Use(t.Context(), c.name, c.size)
		if !errors.As(err, c.as) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%q of %d bytes: %T %v, want %q", c.name, c.size, err, err, c.say)
		}
	}
	if all, err := s.List(); err != nil || len(all) != 1 {
		t.Errorf("after refusals there are %+v, %v", all, err)
	}
}

func TestNoMkfs(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	sbin = nil
	t.Cleanup(func() { sbin = []string{"/usr/sbin", "/sbin"} })
	s := Store{Dir: filepath.Join(t.TempDir(), "volumes")}
	if _, err := s.Use(t.Context(), "db", 0); !errors.Is(err, ErrNoMkfs) || !strings.Contains(err.Error(), "apt-get install e2fsprogs") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder is left: %v", err)
	}
}

// TestMkfsFails: nothing is left of a volume that could not be made.
func TestMkfsFails(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, mkfsName), []byte("#!/bin/sh\necho first >&2\necho out of luck >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	s := Store{Dir: filepath.Join(t.TempDir(), "volumes")}
	_, err := s.Use(t.Context(), "db", 0)
	if err == nil || err.Error() != "make volume db: mkfs.ext4: exit status 1: first; out of luck" {
		t.Errorf("%v", err)
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != lockName {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestRemove(t *testing.T) {
	s := store(t)
	path := use(t, s, "db", 16<<20)
	guest := hold(t, path)
	if err := s.Remove(t.Context(), "db"); !errors.As(err, new(*BusyError)) {
		t.Errorf("in use: %v", err)
	}
	if all, err := s.List(); err != nil || len(all) != 1 || !all[0].Busy {
		t.Errorf("in use: %+v, %v", all, err)
	}
	guest.Close()
	if err := s.Remove(t.Context(), "db"); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), "db"); !errors.As(err, new(*NotFoundError)) {
		t.Errorf("once more: %v", err)
	}
	if err := s.Remove(t.Context(), "../db"); !errors.As(err, new(*NameError)) {
		t.Errorf("%v", err)
	}
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestRemoveAnother: a volume that is made anew under the name while one waits to remove the old one is looked at as it is.
func TestRemoveAnother(t *testing.T) {
	s := store(t)
	path := use(t, s, "db", 16<<20)
	unlock, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	removed := make(chan error)
	go func() { removed <- s.Remove(context.Background(), "db") }()
	time.Sleep(2 * lockPatience) // it waits
	other := filepath.Join(s.Dir, "other")
	if err := errors.Join(os.WriteFile(other, make([]byte, 4096), 0o600), os.Rename(other, path)); err != nil {
		t.Fatal(err)
	}
	hold(t, path)
	unlock()
	if err := <-removed; !errors.As(err, new(*BusyError)) {
		t.Errorf("a guest uses it: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("what a guest uses is gone: %v", err)
	}
}

func TestRemoveWithoutStore(t *testing.T) {
	if err := (Store{Dir: "/nowhere"}).Remove(t.Context(), "db"); !errors.As(err, new(*NotFoundError)) {
		t.Errorf("%v", err)
	}
}

func TestListWithoutStore(t *testing.T) {
	if all, err := (Store{Dir: "/nowhere"}).List(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
