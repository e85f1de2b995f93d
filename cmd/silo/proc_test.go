package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/internal/lockedbuf"
)

// patience is how long a test waits for what a guest does. Nothing takes a tenth of it on a quiet machine.
const patience = 2 * time.Minute

// proc is a silo that runs beside the test.
type proc struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err lockedbuf.Buffer
	done     chan struct{}
	work     string // TMPDIR and cache are in it
}

// silo starts the command with a TMPDIR of its own. When the test ends nothing may be left of it.
func silo(t *testing.T, env []string, args ...string) *proc {
	t.Helper()
	return siloBy(t, (*exec.Cmd).Start, env, args...)
}

// siloBy is silo, started in a way of the caller's.
func siloBy(t *testing.T, start func(*exec.Cmd) error, env []string, args ...string) *proc {
	t.Helper()
	p := &proc{t: t, done: make(chan struct{}), work: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(p.work, ".tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command("silo", args...)
	p.cmd.Env = append(os.Environ(), append([]string{"TMPDIR=" + filepath.Join(p.work, ".tmp")}, env...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := start(p.cmd); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.cmd.Process.Kill() // of no effect unless the test failed
		<-p.done
		leavesNothing(t, p.work)
		if t.Failed() {
			t.Logf("silo %q\nstdout:\n%s\nstderr:\n%s", args, p.out.String(), p.err.String())
		}
	})
	return p
}

// await waits for a text in an output.
func (p *proc) await(o *lockedbuf.Buffer, text string) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(o.String(), text) {
			return
		}
		select {
		case <-p.done:
			if !strings.Contains(o.String(), text) {
				p.t.Fatalf("ended without having written %q", text)
			}
		default:
		}
	}
	p.t.Fatalf("%q was not written within %v", text, patience)
}

func (p *proc) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// code waits for the end and returns the exit code, or -1 for an end by a signal.
func (p *proc) code() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("did not end within %v", patience)
		return 0
	}
}

// wants fails the test unless silo ends with a code and its error output has every text.
func (p *proc) wants(code int, stderr ...string) {
	p.t.Helper()
	if got := p.code(); got != code {
		p.t.Errorf("exit code %d, want %d", got, code)
	}
	for _, text := range stderr {
		if !strings.Contains(p.err.String(), text) {
			p.t.Errorf("stderr does not say %q", text)
		}
	}
}

// qemu is the process id of silo's QEMU.
func (p *proc) qemu() int {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/task/*/children")
		for _, task := range tasks {
			b, _ := os.ReadFile(task)
			for _, child := range strings.Fields(string(b)) {
				comm, _ := os.ReadFile("/proc/" + child + "/comm")
				if pid, err := strconv.Atoi(child); err == nil && strings.HasPrefix(string(comm), "qemu-system") {
					return pid
				}
			}
		}
	}
	p.t.Fatal("silo has no QEMU")
	return 0
}
