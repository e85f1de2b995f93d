package checks

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

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
