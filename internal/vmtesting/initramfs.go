package vmtesting

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/u-root/mkuimage/cpio"
)

// KeepEnv names the variable that says in which folder to keep the archives of tests, so
// that the command that reproduces a failure finds them.
const KeepEnv = "SILO_TEST_KEEP"

// Initramfs builds the Go program of a package, given as a folder or an import path, and
// returns the path of an archive in which it is /init. The archive goes with the test.
func Initramfs(t testing.TB, pkg string) string {
	t.Helper()
	dir := os.Getenv(KeepEnv)
	if dir == "" {
		dir = t.TempDir()
	}
	path, err := WriteInitramfs(dir, pkg)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// WriteInitramfs is Initramfs for archives that more than one test uses: the archive is
// put into dir.
func WriteInitramfs(dir, pkg string) (string, error) {
	program := filepath.Join(dir, "init")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -buildid=",
		"-tags=netgo,osusergo", "-o", program, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("read program: %w", err)
	}
	packed, err := archive(content)
	if err != nil {
		return "", fmt.Errorf("pack %s: %w", pkg, err)
	}
	path := filepath.Join(dir, "initramfs.cpio")
	if err := os.WriteFile(path, packed, 0o644); err != nil {
		return "", fmt.Errorf("write archive: %w", err)
	}
	return path, nil
}

// archive holds program as /init, and a console for its standard output.
func archive(program []byte) ([]byte, error) {
	records := []cpio.Record{
		cpio.Directory("dev", 0o755),
		cpio.CharDev("dev/console", 0o600, 5, 1),
		cpio.StaticFile("init", string(program), 0o755),
	}
	cpio.MakeAllReproducible(records)
	var out bytes.Buffer
	w := cpio.Newc.Writer(&out)
	if err := cpio.WriteRecords(w, records); err != nil {
		return nil, err
	}
	if err := cpio.WriteTrailer(w); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
