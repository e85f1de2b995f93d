package images

import (
	"bytes"
	"crypto/x509"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/silo-os/silo/images/initramfs"
)

// TestGuestsTrustWhatMozillaTrusts: the list can be read as programs read it.
func TestGuestsTrustWhatMozillaTrusts(t *testing.T) {
	f, err := roots()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(f.Data, []byte("-----BEGIN CERTIFICATE-----")); n < 80 {
		t.Errorf("%d authorities, want all of Mozilla's", n)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(f.Data) {
		t.Error("no certificate can be read")
	}
}

func TestFilesOfAnImage(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"conf/a": "1", "conf/deep/b": "2", "one": "3", "roots": "4"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "one"), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Dir: dir, Files: []File{
		{"/etc/shop", "conf"}, {"/usr/bin/one", "one"}, {"/" + rootsPath, filepath.Join(dir, "roots")},
	}}
	files, err := cfg.files(t.Context(), goTool{own: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]initramfs.File{}
	for _, f := range files {
		got[f.Path] = f
	}
	if want := []string{"etc/services", "etc/shop/a", "etc/shop/deep/b", rootsPath, "usr/bin/one", zonesPath}; len(files) != len(want) ||
		!slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("files %v, want %v", slices.Sorted(maps.Keys(got)), want)
	}
	if f := got[rootsPath]; f.Source != filepath.Join(dir, "roots") {
		t.Errorf("the user's own roots do not count: %+v", f)
	}
	if got["usr/bin/one"].Mode != 0o755 || got["etc/shop/a"].Mode != 0o644 {
		t.Errorf("modes %v and %v", got["usr/bin/one"].Mode, got["etc/shop/a"].Mode)
	}
	for want, f := range map[string]File{
		"not an absolute path": {"etc/x", "one"}, "no such file": {"/etc/x", "two"}, "neither a file nor": {"/etc/x", "/dev/null"},
		"not an absolute path of a file": {"/", "one"},
	} {
		cfg.Files = []File{f}
		if _, err := cfg.files(t.Context(), goTool{own: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", f, err, want)
		}
	}
}
