package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/silo-os/silo/host/vmm"
)

// TestTemplates: the first run saves a template, the next go on from it with their own arguments, environment,
// name and ports; they end as others do, and what is damaged is replaced.
func TestTemplates(t *testing.T) {
	t.Parallel()
	image := appImage(t)
	accel, err := vmm.ProbeAccel(t.Context(), vmm.ProbeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	env := []string{"SILO_CACHE=" + cache, "SILO_ACCEL=" + accel}
	run := func(args ...string) *proc { // without a maximum it follows what the host has free, and the template's key with it
		return silo(t, env, append([]string{"run", "--verbose", "--memory", "64M:1G", image.Dir}, args...)...)
	}
	saved := func(want int) (file string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(cache, "templates", "*.template"))
		if err != nil || len(files) != want {
			t.Fatalf("templates %q, %v; want %d", files, err, want)
		}
		return strings.Join(files, "")
	}

	run("--template", "off", "--", "exit", "1").wants(1, "from_template=false")
	saved(0)
	const secret = "a-secret-7f3a9c"
	run("-e", "GIVEN="+secret, "--", "exit", "2").wants(2, "from_template=false")
	file := saved(1)
	if content, err := os.ReadFile(file); err != nil || strings.Contains(string(content), secret) {
		t.Errorf("read template: %v; or the secret is in it", err)
	}
	told := run("-e", "GIVEN="+secret, "--name", "kv1", "--", "tell", "one")
	told.wants(0, "from_template=true")
	if got := told.out.String(); !strings.Contains(got, "GIVEN \""+secret+"\" true") || !strings.Contains(got, "host kv1 <nil>") {
		t.Errorf("it told %s", got)
	}

	serving := run("-p", "0:8080", "--", "serve")
	serves(t, serving)
	serving.signal(os.Interrupt)
	serving.wants(143, "from_template=true")

	stubborn := run("--", "stubborn")
	stubborn.await(&stubborn.out, "waiting")
	stubborn.signal(syscall.SIGKILL)
	stubborn.wants(-1, "from_template=true")

	if err := os.Truncate(file, 100_000); err != nil {
		t.Fatal(err)
	}
	run("--", "exit", "3").wants(3, "template not used: the guest boots", "damaged", "from_template=false")
	run("--", "exit", "4").wants(4, "from_template=true")
	saved(1)
}

// TestTemplatesWithoutRoom: a cache that cannot be written costs one line, not the run.
func TestTemplatesWithoutRoom(t *testing.T) {
	t.Parallel()
	image := appImage(t)
	cache := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(cache, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := silo(t, []string{"SILO_CACHE=" + cache, "SILO_ACCEL=" + vmm.AccelTCG}, "run", image.Dir, "--", "exit", "3")
	p.wants(3, "no template")
	if got := strings.Count(p.err.String(), "template"); got != 1 {
		t.Errorf("told %d times: %s", got, p.err.String())
	}
}
