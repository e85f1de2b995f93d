package vmm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm/console"
)

// qemu is the process of a machine.
type qemu interface {
	pid() int
	kill() error                        // at once; an ended process is no error
	ended() <-chan struct{}             // closed when it has ended
	status() (syscall.WaitStatus, bool) // how; only after its end, and false where that cannot be known
	words() []string                    // last lines of its own output
}

// process is a child. Unless it is detached it ends with this process, whatever ends that.
//
// Linux sends the parent-death signal when the *thread* that forked the child ends. The
// child is therefore started by a goroutine that keeps its thread for itself until the
// child has ended.
type process struct {
	cmd    *exec.Cmd
	output string        // path of its output, where that is a file
	stderr *console.Log  // its output otherwise
	done   chan struct{} // closed when the child has been waited for; its state is then set
}

// command is what a process is started with.
type command struct {
	name    string
	args    []string
	inherit []*os.File // get the descriptors 3, 4, … in order
	runAs   *User
	output  *os.File // of a detached process; nil = it ends with this process
}

func startProcess(c command) (*process, error) {
	p := &process{cmd: exec.Command(c.name, c.args...), stderr: &console.Log{}, done: make(chan struct{})}
	p.cmd.ExtraFiles = c.inherit
	p.cmd.Env = environment(os.Environ())
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, // Ctrl-C on the terminal is for the parent to handle, not for QEMU
	}
	if c.runAs != nil {
		p.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.runAs.UID, Gid: c.runAs.GID, Groups: c.runAs.Groups}
	}
	if c.output == nil {
		p.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		p.cmd.Stdout, p.cmd.Stderr = p.stderr, p.stderr
	} else { // a pipe would end with this process
		p.output = c.output.Name()
		p.cmd.Stdout, p.cmd.Stderr = c.output, c.output
	}
	// Stderr reaches its end when the child does; the delay is for a pipe somebody kept.
	p.cmd.WaitDelay = time.Second
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return p, nil
}

// run keeps the forking thread alive as long as the child is.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	// A core file would be left behind, with the guest's secrets in it.
	_ = unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	started <- nil
	_ = p.cmd.Wait() // the state has it all
	p.stderr.Flush()
	close(p.done)
}

// kill ends the child at once. An ended child is no error.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.pid(), err)
	}
	return nil
}

// stop kills a process and waits for its end.
func stop(p qemu) {
	_ = p.kill() // one that may be killed at all has no error but that it has ended
	<-p.ended()
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() <-chan struct{} { return p.done }

// status is how the child ended; only after done.
func (p *process) status() (syscall.WaitStatus, bool) {
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus), true
}

func (p *process) words() []string {
	if p.output != "" {
		return tailOf(p.output)
	}
	return p.stderr.Tail()
}

// environment is what QEMU needs of ours: secrets of the caller's stay with the caller,
// and messages come in English.
func environment(all []string) []string {
	env := []string{"LC_ALL=C"}
	for _, kv := range all {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "PATH", "LD_LIBRARY_PATH":
			env = append(env, kv)
		}
	}
	return env
}

// anonymousFile is a file in memory with the given content, for a child to inherit.
func anonymousFile(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create anonymous file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.ReadFrom(bytes.NewReader(content)); err != nil {
		f.Close()
		return nil, fmt.Errorf("fill anonymous file: %w", err)
	}
	return f, nil
}
