package pid1

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// counting starts a program that counts, and returns a function that returns when it has counted on.
func counting(t *testing.T) (cmd *exec.Cmd, counts func()) {
	t.Helper()
	cmd = exec.Command("sh", "-c", "n=0; while :; do n=$((n+1)); echo $n; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	return cmd, func() {
		t.Helper()
		for range 50_000 { // more than a pipe may hold of what it said before
			if !lines.Scan() {
				t.Fatal("it does not count any more")
			}
		}
	}
}

// TestDumpProcess: what is dumped is a core, and it counts on: after a whole one, after one that nobody took,
// and after a signal that came meanwhile.
func TestDumpProcess(t *testing.T) {
	cmd, counts := counting(t)
	counts()
	for range 3 {
		var file bytes.Buffer
		err := dumpProcess(cmd.Process.Pid, 1<<30, &file)
		if errors.Is(err, unix.EPERM) {
			t.Skipf("nothing may be traced here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(file.Bytes()))
		if err != nil || f.Type != elf.ET_CORE || f.Progs[0].Type != elf.PT_NOTE {
			t.Fatalf("%+v, %v", f, err)
		}
		counts()
	}
	full := errors.New("full")
	if err := dumpProcess(cmd.Process.Pid, 1<<30, failing{full}); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	counts()
	if err := dumpProcess(cmd.Process.Pid, 1<<10, io.Discard); err == nil || !strings.Contains(err.Error(), "has mapped") {
		t.Errorf("a program that is too large: %v", err)
	}
	counts()
	// A second tracer is refused, and a signal that comes meanwhile is not lost.
	err := dumpProcess(cmd.Process.Pid, 1<<30, during(func() error {
		if err := dumpProcess(cmd.Process.Pid, 1<<30, io.Discard); err == nil || !strings.Contains(err.Error(), "is traced by process") {
			t.Errorf("traced twice: %v", err)
		}
		return cmd.Process.Signal(syscall.SIGTERM)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("%v, want an end by SIGTERM", err)
	}
	if err := dumpProcess(cmd.Process.Pid, 1<<30, io.Discard); !errors.Is(err, errAppEnded) {
		t.Errorf("of one that has ended: %v", err)
	}
}

// TestDumpOfOneThatEnds: who is killed in the middle of it ends, and its core breaks off.
func TestDumpOfOneThatEnds(t *testing.T) {
	cmd, counts := counting(t)
	counts()
	err := dumpProcess(cmd.Process.Pid, 1<<30, during(func() error { return killed(cmd.Process) }))
	if errors.Is(err, unix.EPERM) {
		t.Skipf("nothing may be traced here: %v", err)
	}
	if !errors.Is(err, errAppEnded) {
		t.Errorf("%v", err)
	}
}

// killed kills a process and waits until none of its threads uses its memory any more: until then it can be read, and is right.
// Nobody takes note of the end: that is the test's and its tracer's.
func killed(p *os.Process) error {
	if err := p.Kill(); err != nil {
		return err
	}
	t := tracer{pid: p.Pid}
	for {
		entries, err := os.ReadDir(t.path("task"))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
			id, _ := strconv.Atoi(e.Name())
			_, dead := t.state(id)
			return !dead
		}) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// during does something at the first byte.
func during(do func() error) io.Writer { return &once{do: do} }

type once struct{ do func() error }

func (o *once) Write(b []byte) (int, error) {
	if do := o.do; do != nil {
		o.do = nil
		if err := do(); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
