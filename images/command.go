package images

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// command is a program that a build runs to its end.
type command struct {
	doing string // for the error: "compile kernel"
	dir   string
	env   []string
	argv  []string
	stdin io.Reader
	log   io.Writer         // gets all output; nil = nobody does
	line  func(line string) // called with each line of output; nil = nobody
	spent *time.Duration    // gets the processor time of the program and its children added; nil = nobody asks
}

// run runs the command and all its children in a process group, which a cancelled context
// kills as a whole. The program itself is killed when this process dies; its children then
// find nobody reading their output and end by that.
func (c command) run(ctx context.Context) error {
	runtime.LockOSThread() // the death signal is bound to the thread that starts the program
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.dir, c.env, c.stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second

	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	said := make(chan string)
	go func() { said <- c.read(r) }()
	err := cmd.Run()
	w.Close()
	output := <-said
	if c.spent != nil && cmd.ProcessState != nil {
		*c.spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", c.doing, context.Cause(ctx))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return &CommandError{Doing: c.doing, Err: err}
	}
	return &CommandError{Doing: c.doing, Output: output, Err: exit}
}

// keptLines is how many lines of a failed program's output an error shows.
const keptLines = 30

// chatter matches the lines in which kbuild says what it does. With several compilers at
// once they go on after the one that failed, and would bury it.
var chatter = regexp.MustCompile(`^  [A-Z]+ +\S+`)

// read passes the output on and returns what an error should show of it.
func (c command) read(r io.Reader) string {
	var last []string
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if c.log != nil {
			io.WriteString(c.log, line)
		}
		if line = strings.TrimRight(line, "\n"); line != "" {
			if c.line != nil {
				c.line(line)
			}
			if !chatter.MatchString(line) {
				last = append(last, line)
			}
			last = last[max(0, len(last)-keptLines):]
		}
		if err != nil {
			return strings.Join(last, "\n")
		}
	}
}

// output runs the command and returns what it wrote to its standard output. Its standard
// error goes into the error.
func (c command) output(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", c.doing, context.Cause(ctx))
	}
	return nil, &CommandError{Doing: c.doing, Output: stderr.String(), Err: err}
}
