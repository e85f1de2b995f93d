package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is the user who may do nothing in particular.
const nobody = 65534

// TestWithoutCgroups: for who may not write cgroups everything works, and one line says what does not.
func TestWithoutCgroups(t *testing.T) {
	image := appImage(t).Dir
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("becoming nobody needs root")
		}
		t.Skip("becoming nobody needs root: run it as root")
	}
	dir := openDir(t)
	for _, name := range []string{"cache", "tmp"} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "image"), os.DirFS(image)); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	silo := filepath.Join(dir, "silo")
	copyFile(t, exe, silo)

	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), silo, "run", filepath.Join(dir, "image"), "--cpus", "0.5:2")
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, time.Second
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SILO_CACHE=" + filepath.Join(dir, "cache"), "HOME=" + dir, "TMPDIR=" + filepath.Join(dir, "tmp")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := cmd.Run(); err != nil || out.String() != "hello from the guest\n" {
		t.Errorf("%v\nstdout:\n%s", err, out.String())
	}
	if got := errs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "vCPU grants are not enforced") || !strings.Contains(got, "run silo as root") {
		t.Errorf("stderr:\n%s", got)
	}
}

// openDir is a folder that everybody may enter, and that goes with the test.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "silo-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
