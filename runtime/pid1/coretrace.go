package pid1

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// stopWithin bounds the wait for all threads to stand still.
	stopWithin = 5 * time.Second

	// mostMapped is how many times its guest's memory a program may have mapped. A page that was never touched is read as the
	// kernel's page of zeros, for which it has none of its own, but the tables that lead there are made: 1/512 of what is mapped.
	mostMapped = 8

	// mostMaps is one less than what an ELF header can count.
	mostMaps = 1<<16 - 3
)

// errAppEnded says that there is no process any more.
var errAppEnded = errors.New("the application has ended")

// dumpProcess writes a core of a process of a guest with so many bytes of memory. The process stands still meanwhile, and goes on
// whatever happens: its tracer is a thread that ends with it.
func dumpProcess(pid int, memory uint64, w io.Writer) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		if unix.Gettid() != os.Getpid() {
			done <- traceProcess(pid, memory, w)
			return
		}
		// The process's first thread never ends.
		defer runtime.UnlockOSThread()
		done <- dumpProcess(pid, memory, w)
	}()
	return <-done
}

// traceProcess is dumpProcess on a thread of its own.
func traceProcess(pid int, memory uint64, w io.Writer) error {
	t := tracer{pid: pid}
	defer t.release()
	if err := t.stop(); err != nil {
		return err
	}
	image, err := t.image()
	if err != nil {
		return err
	}
	if n := image.size(); n > mostMapped*memory || len(image.maps) > mostMaps {
		return fmt.Errorf("the application has mapped %d MiB in %d places: of %d MiB or more no core is taken while it runs", n>>20, len(image.maps), mostMapped*memory>>20)
	}
	f, err := os.Open(t.path("mem"))
	if err != nil {
		return fmt.Errorf("open memory: %w", err)
	}
	defer f.Close()
	return image.write(w, func(at uint64, b []byte) error { return readMemoryOf(f, at, b) })
}

// readMemoryOf reads a process's memory. What nobody can read, such as what lies behind the end of a mapped file, is zero.
func readMemoryOf(f io.ReaderAt, at uint64, b []byte) error {
	for len(b) > 0 {
		n, err := f.ReadAt(b, int64(at))
		switch {
		case n == len(b):
			return nil
		case errors.Is(err, io.EOF):
			return errAppEnded
		case !errors.Is(err, unix.EIO) && !errors.Is(err, unix.EFAULT):
			return fmt.Errorf("read memory: %w", err)
		}
		end := min(n+pageSize, len(b))
		clear(b[n:end])
		b, at = b[end:], at+uint64(end)
	}
	return nil
}

// tracer holds the threads of a process. It is used by one thread of this process only. Each thread is
//
//	seized   it is told to stand still, and may do something for a moment.
//	stopped  its registers are known. It does nothing until it is let go.
//
// and forgotten when it has ended. The first process waits for all children and so takes note of what is the tracer's to
// note, which is why the tracer asks each thread for its registers until it answers.
type tracer struct {
	pid     int
	threads []*tracee
}

type tracee struct {
	coreThread
	stopped bool
}

func (t *tracer) path(name string) string { return fmt.Sprintf("/proc/%d/%s", t.pid, name) }

// stop has all threads stand still.
func (t *tracer) stop() error {
	for deadline := time.Now().Add(stopWithin); ; {
		waiting := t.look()
		// One that is new was made by one that did not stand still yet.
		fresh, err := t.seize()
		switch {
		case err != nil:
			return err
		case len(t.threads) == 0:
			return errAppEnded
		case waiting == 0 && fresh == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%d of the application's %d threads do not stand still within %v: they wait in the kernel, perhaps for memory; try again", waiting, len(t.threads), stopWithin)
		case fresh == 0:
			time.Sleep(time.Millisecond)
		}
	}
}

// look takes in who has stopped, or ended, and counts whom it waits for.
func (t *tracer) look() (waiting int) {
	t.threads = slices.DeleteFunc(t.threads, func(th *tracee) bool {
		if th.stopped || th.read() {
			return false
		}
		if _, dead := t.state(th.id); dead {
			return true
		}
		waiting++
		return false
	})
	return waiting
}

// seize begins with the threads that are new and returns how many there are.
func (t *tracer) seize() (fresh int, err error) {
	entries, err := os.ReadDir(t.path("task"))
	if err != nil {
		return 0, errAppEnded
	}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil || slices.ContainsFunc(t.threads, func(th *tracee) bool { return th.id == id }) {
			continue
		}
		if err := unix.PtraceSeize(id); err != nil {
			by, dead := t.state(id)
			switch {
			case dead:
				continue
			case by != 0:
				return 0, fmt.Errorf("the application is traced by process %d already: end that first", by)
			}
			return 0, fmt.Errorf("trace the application: %w", err)
		}
		fresh++
		t.threads = append(t.threads, &tracee{coreThread: coreThread{id: id}})
		_ = unix.PtraceInterrupt(id) // it fails for one that has ended
	}
	return fresh, nil
}

// state says who traces a thread, 0 = nobody, and whether it has ended.
func (t *tracer) state(id int) (by int, dead bool) {
	b, err := os.ReadFile(t.path(fmt.Sprintf("task/%d/status", id)))
	if err != nil {
		return 0, true
	}
	for line := range strings.Lines(string(b)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t"); name {
		case "State":
			dead = strings.HasPrefix(value, "Z") || strings.HasPrefix(value, "X")
		case "TracerPid":
			by, _ = strconv.Atoi(value)
		}
	}
	return by, dead
}

// read reads the registers of a thread, which fails until it has stopped.
func (th *tracee) read() bool {
	regs := make([]byte, unsafe.Sizeof(th.regs))
	if n, err := registers(th.id, noteStatus, regs); err != nil || n != len(regs) {
		return false
	}
	if _, err := binary.Decode(regs, binary.LittleEndian, &th.regs); err != nil {
		return false
	}
	th.float = make([]byte, 512)
	if _, err := registers(th.id, noteFloat, th.float); err != nil {
		return false
	}
	th.xstate = make([]byte, 16*kib)
	n, err := registers(th.id, noteXState, th.xstate)
	if err != nil {
		n = 0 // a processor without
	}
	th.xstate = slices.Clone(th.xstate[:n])
	th.signal, th.stopped = pendingSignal(th.id), true
	return true
}

// registers reads a set of registers and returns how many bytes it has.
func registers(id int, set uintptr, into []byte) (int, error) {
	v := unix.Iovec{Base: &into[0], Len: uint64(len(into))}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(id), set, uintptr(unsafe.Pointer(&v)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(v.Len), nil
}

// pendingSignal is what a thread that has stopped was about to take when it did; 0 = nothing: it was only told to stop.
func pendingSignal(id int) int {
	var info unix.Siginfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETSIGINFO, uintptr(id), 0, uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || info.Code>>8 == unix.PTRACE_EVENT_STOP {
		return 0
	}
	return int(info.Signo)
}

// release lets all threads go on, each with the signal that it was about to take. One that has not stopped yet goes on when the
// tracer's thread ends.
func (t *tracer) release() {
	for _, th := range t.threads {
		_, _, _ = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(th.id), 0, uintptr(th.signal), 0, 0)
	}
}

// image is the process, whose threads have all stopped.
func (t *tracer) image() (c coreImage, err error) {
	c = coreImage{pid: t.pid, parent: os.Getpid()}
	for _, th := range t.threads {
		c.threads = append(c.threads, th.coreThread)
	}
	// Debuggers take the first for the first.
	slices.SortFunc(c.threads, func(a, b coreThread) int { return a.id - b.id })
	if i := slices.IndexFunc(c.threads, func(th coreThread) bool { return th.id == t.pid }); i > 0 {
		c.threads[0], c.threads[i] = c.threads[i], c.threads[0]
	}
	var files [4][]byte
	for i, name := range []string{"maps", "auxv", "comm", "cmdline"} {
		if files[i], err = os.ReadFile(t.path(name)); err != nil {
			return c, fmt.Errorf("look at the application: %w", err)
		}
	}
	c.aux, c.name = files[1], strings.TrimSpace(string(files[2]))
	c.args = string(bytes.ReplaceAll(bytes.TrimRight(files[3], "\x00"), []byte{0}, []byte{' '}))
	if c.maps, err = parseMaps(files[0]); err != nil {
		return c, err
	}
	var owner syscall.Stat_t
	c.group, err = unix.Getpgid(t.pid)
	if err == nil {
		c.session, err = unix.Getsid(t.pid)
	}
	if err == nil {
		err = syscall.Stat(t.path("status"), &owner)
	}
	c.uid, c.gid = owner.Uid, owner.Gid
	return c, err
}
