package devsetup

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// System is a machine that may lack packages.
type System interface {
	// Root reports whether packages may be installed.
	Root() bool
	// HasCommand reports whether a program is in PATH.
	HasCommand(name string) bool
	// HasFile reports whether a file matches the pattern.
	HasFile(pattern string) bool
	// Run runs a program to its end with env added to the environment.
	Run(ctx context.Context, env []string, name string, args ...string) error
}

// Machine is the machine this program runs on. What installers print goes to out.
func Machine(out io.Writer) System { return machine{out} }

type machine struct{ out io.Writer }

func (machine) Root() bool { return os.Geteuid() == 0 }

func (machine) HasCommand(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

func (machine) HasFile(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
}

func (m machine) Run(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = m.out, m.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
