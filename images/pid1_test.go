package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the folder of silo's module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPID1FromTheRunningCheckout: as its linker said, or else its compiler; and not where silo's source is no more.
func TestPID1FromTheRunningCheckout(t *testing.T) {
	if got := ownCheckout(); got != root(t) {
		t.Errorf("checkout %q, want %q", got, root(t))
	}
	defer func(was string) { checkout = was }(checkout)
	if checkout = t.TempDir(); ownCheckout() != "" {
		t.Errorf("an empty folder is the checkout %q", ownCheckout())
	}
	checkout = root(t)
	if got := ownCheckout(); got != root(t) {
		t.Errorf("checkout %q, want %q, as the linker said", got, root(t))
	}
}

// TestPID1FromWhatTheUserRequires: the module of a user says which silo, a replacement included.
func TestPID1FromWhatTheUserRequires(t *testing.T) {
	dir := module(t, map[string]string{"main.go": hello})
	mod := "module example.org/shop\n\ngo 1.26.3\n\nrequire " + siloModule + " v0.0.0\n\nreplace " + siloModule + " => " + root(t) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-mod=mod")
	got, err := requiredSilo(t.Context(), goTool{dir: dir})
	if err != nil || got != root(t) {
		t.Errorf("source %q, %v; want %q", got, err, root(t))
	}
	got, err = requiredSilo(t.Context(), goTool{dir: root(t)}) // inside silo itself
	if err != nil || got != root(t) {
		t.Errorf("source %q, %v; want %q", got, err, root(t))
	}
}

func TestPID1FromNowhere(t *testing.T) {
	dir := module(t, map[string]string{"main.go": hello})
	if _, err := requiredSilo(t.Context(), goTool{dir: dir}); err == nil || !strings.Contains(err.Error(), siloModule) {
		t.Errorf("error %v, want that the module does not require silo", err)
	}
	if _, err := downloadSilo(t.Context(), goTool{dir: dir}); err == nil || !strings.Contains(err.Error(), "released version") {
		t.Errorf("error %v, want that this test was built from no release", err)
	}
}
