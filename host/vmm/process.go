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

// process is a child that ends with this process, whatever ends it.
//
// Linux sends the parent-death signal when the *thread* that forked the child ends. The
// child is therefore started by a goroutine that keeps its thread for itself until the
// child has ended.
type process struct {
	cmd    *exec.Cmd
	stderr *console.Log
	done   chan struct{} // closed when the child has been waited for; its state is then set
}

// startProcess starts name. Inherited files get the descriptors 3, 4, … in order.
func startProcess(name string, args []string, inherit []*os.File) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), stderr: &console.Log{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.stderr, p.stderr
	p.cmd.ExtraFiles = inherit
	p.cmd.Env = environment(os.Environ())
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setsid:    true, // Ctrl-C on the terminal is for the parent to handle, not for QEMU
	}
	// Stderr reaches its end when the child does; the delay is for a pipe somebody kept.
	p.cmd.WaitDelay = time.Second
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
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

// stop kills the child and waits for its end.
func (p *process) stop() {
	_ = p.kill() // it is our own child: there is no error but that it has ended
	<-p.done
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// status is how the child ended; only after done.
func (p *process) status() syscall.WaitStatus {
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status
}

// said is what the child wrote, in one line.
func (p *process) said() string { return strings.Join(p.stderr.Tail(), "; ") }

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
