package images

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOpenFindsDamage(t *testing.T) {
	img, err := Build(t.Context(), config(t, map[string]string{"hello/main.go": hello}))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		damage func(dir string) error
		say    string
	}{
		"no image":      {func(dir string) error { return os.Remove(filepath.Join(dir, manifestFile)) }, "it has no manifest.json and is no image"},
		"bad manifest":  {func(dir string) error { return os.WriteFile(filepath.Join(dir, manifestFile), []byte("{"), 0o644) }, "unexpected end of JSON"},
		"no kernel":     {func(dir string) error { return os.Remove(filepath.Join(dir, kernelELF)) }, "no such file"},
		"short archive": {func(dir string) error { return os.Truncate(filepath.Join(dir, initramfsFile), 100) }, "it has 100 bytes"},
		"other archive": {flipByte, "its digest is"},
	} {
		t.Run(name, func(t *testing.T) {
			copied, err := img.CopyTo(filepath.Join(t.TempDir(), "deep", "copy"))
			if err != nil {
				t.Fatal(err)
			}
			if opened, err := Open(copied.Dir); err != nil || opened.Manifest != img.Manifest {
				t.Fatalf("the copy: %+v, %v", opened, err)
			}
			if err := c.damage(copied.Dir); err != nil {
				t.Fatal(err)
			}
			_, err = Open(copied.Dir)
			var damaged *DamagedError
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), copied.Dir) {
				t.Errorf("error %v, want *DamagedError that says %q", err, c.say)
			}
		})
	}
}

// flipByte changes one byte of an image's archive.
func flipByte(dir string) error {
	path := filepath.Join(dir, initramfsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(path, data, 0o644)
}

// TestDamagedImageIsReplaced: what is wrong in the cache is not handed out again.
func TestDamagedImageIsReplaced(t *testing.T) {
	cfg := config(t, map[string]string{"hello/main.go": hello})
	img, err := Build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := flipByte(img.Dir); err != nil {
		t.Fatal(err)
	}
	if img, err = Build(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(img.Dir); err != nil {
		t.Error(err)
	}
}

func TestCopyToFullDisk(t *testing.T) {
	img, err := Build(t.Context(), config(t, map[string]string{"hello/main.go": hello}))
	if err != nil {
		t.Fatal(err)
	}
	disk := smallDisk(t, "256k")
	_, err = img.CopyTo(filepath.Join(disk, "image"))
	var full *SpaceError
	if !errors.As(err, &full) {
		t.Errorf("error %v, want *SpaceError", err)
	}
	if _, err := os.Stat(filepath.Join(disk, "image", manifestFile)); err == nil {
		t.Error("half an image has a manifest")
	}
}

func TestPruneKeepsWhatIsUsed(t *testing.T) {
	root := t.TempDir()
	dir := func(n int) string { return filepath.Join(root, fmt.Sprintf("image-%02d", n)) }
	for n := range keptImages + 5 {
		if err := os.Mkdir(dir(n), 0o755); err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(time.Duration(n-100) * time.Minute)
		if err := os.Chtimes(dir(n), used, used); err != nil {
			t.Fatal(err)
		}
	}
	pruneImages(root, dir(0)) // the oldest, used just now
	for n := range keptImages + 5 {
		_, err := os.Stat(dir(n))
		if kept, want := err == nil, n == 0 || n > 5; kept != want {
			t.Errorf("%s kept: %t, want %t", dir(n), kept, want)
		}
	}
}

// TestPruneKeepsWhatMayBeInUse: many images within an hour are all kept.
func TestPruneKeepsWhatMayBeInUse(t *testing.T) {
	root := t.TempDir()
	for n := range 2 * keptImages {
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(time.Duration(-n) * time.Minute)
		if err := os.Chtimes(dir, used, used); err != nil {
			t.Fatal(err)
		}
	}
	pruneImages(root, filepath.Join(root, "0"))
	if left, err := os.ReadDir(root); err != nil || len(left) != 2*keptImages {
		t.Errorf("%d images are left of %d, %v", len(left), 2*keptImages, err)
	}
}

func TestProgramName(t *testing.T) {
	for want, p := range map[string]Program{
		"kv":    {Package: "example.org/shop/kv"},
		"store": {Package: "example.org/store/v2"},
		"app":   {},
		"main":  {Package: "command-line-arguments"},
	} {
		file := "/bin/app"
		if want == "main" {
			file = "/tmp/main"
		}
		if got := programName(p, file); got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
}

func TestCmdlineIsTheCallers(t *testing.T) {
	words := Cmdline()
	words[0] = "changed"
	if Cmdline()[0] == "changed" {
		t.Error("a caller changed the command line of all")
	}
	if got := len(strings.Join(Cmdline(), " ")); got > 1024 {
		t.Errorf("%d bytes, which leaves too little of the kernel's 2047 for others", got)
	}
}
