package runtime

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program builds a program that uses this package, once.
func program(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", bin, "./testdata/hosted").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// TestScriptByEnvironment: the same program without a script, with one, and with one that cannot be read.
func TestScriptByEnvironment(t *testing.T) {
	bin := program(t)
	script := filepath.Join(t.TempDir(), "pressure.txt")
	for _, c := range []struct {
		name, script   string
		code           int
		stdout, stderr string
	}{
		{"none", "", 0, "hosted true, named \"\", granted 0 MiB\nadmitted", ""},
		{"grant", "memory 64M:1G", 0, "hosted true, named \"hosted\", granted 64 MiB\nadmitted", "demands"},
		{"refuse", "memory 64M:1G\nat 0s refuse", 0, "hosted true, named \"hosted\", granted 64 MiB\nrefused", "script: refuse"},
		{"maximum", "memory 64M:128M", 0, "hosted true, named \"hosted\", granted 64 MiB\nrefused", "its maximum"},
		{"bad", "memory 64M:1G\nat 0s dance", 1, "", "error: SILO_SCRIPT: " + script + `:2: "at 0s dance": "dance" is nothing that a host does`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(bin)
			cmd.Env = append(os.Environ(), "SILO_SCRIPT=")
			if c.script != "" {
				if err := os.WriteFile(script, []byte(c.script), 0o600); err != nil {
					t.Fatal(err)
				}
				cmd.Env = append(cmd.Env, EnvScript+"="+script)
			}
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if cmd.ProcessState.ExitCode() != c.code || strings.TrimSpace(stdout.String()) != c.stdout || !strings.Contains(stderr.String(), c.stderr) ||
				c.stderr == "" && stderr.Len() > 0 {
				t.Errorf("exit %d\n%s\n%s", cmd.ProcessState.ExitCode(), &stdout, &stderr)
			}
		})
	}
}
