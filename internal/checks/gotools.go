package checks

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// checkout is the variable of package images that says where silo's source is to a program that is built without paths.
const checkout = module + "/images.checkout"

// KnowsCheckout is the go command's flag for programs that find the source of PID 1 in a checkout of silo although they are
// built without paths, as everything is that these targets build.
func KnowsCheckout(dir string) (flag string, err error) {
	dir, err = filepath.Abs(dir)
	return fmt.Sprintf("-ldflags=-X '%s=%s'", checkout, dir), err
}

// goCommand is the go command with args in dir.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go test stops its children
	return cmd
}

// goRun runs the go command with env added and shows what it prints.
func goRun(ctx context.Context, dir string, out io.Writer, env []string, args ...string) error {
	cmd := goCommand(ctx, dir, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args[:min(2, len(args))], " "), err)
	}
	return nil
}
