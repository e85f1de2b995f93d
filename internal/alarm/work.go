package alarm

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Work rings when the program has worked for a while. A nil *Work never rings.
type Work struct {
	asked chan struct{}
	rings chan struct{}
	waits atomic.Bool // for the kernel, or is about to
}

// enough is how much processor time work is, all threads together. What looks about it now and then uses a tenth of that
// each time under emulation, and the kernel counts at its ticks, each 4 ms on a busy processor.
const enough = 5 * time.Millisecond

// OnWork returns a Work for a program in a guest, and nil elsewhere or where the kernel has none.
func OnWork(guest bool, log *slog.Logger) *Work {
	return inGuest(guest, log, "the program at rest is looked at more often than need be", NewWork)
}

// NewWork makes a Work that has not been armed. Errors are the kernel's, which may be built without such timers.
func NewWork() (*Work, error) {
	if errno := sleepUntil(0); errno != 0 {
		return nil, fmt.Errorf("wait for processor time: %w", errno)
	}
	w := &Work{asked: make(chan struct{}, 1), rings: make(chan struct{}, 1)}
	go w.listen()
	return w, nil
}

// C rings once for each Arm, at the earliest: some time after the program has worked for 5 ms.
func (w *Work) C() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.rings
}

// Arm has C ring, if that is not under way.
func (w *Work) Arm() {
	if w != nil && w.waits.CompareAndSwap(false, true) {
		w.asked <- struct{}{}
	}
}

// Close ends it. The goroutine that waits for the kernel ends when the program has worked.
func (w *Work) Close() {
	if w != nil {
		close(w.asked)
	}
}

func (w *Work) listen() {
	for range w.asked {
		used := ProcessorTime()
		for sleepUntil(used+enough) == unix.EINTR {
		}
		w.waits.Store(false)
		select {
		case w.rings <- struct{}{}:
		default:
		}
	}
}

// ProcessorTime is what all threads of the process have used, the clock that Work goes by. The call never waits and is made without a word
// to the Go scheduler, whose monitor would wake for it in a program that sleeps.
func ProcessorTime() time.Duration {
	var ts unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_PROCESS_CPUTIME_ID, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

// sleepUntil sleeps until the process has used so much processor time, as long as that takes.
func sleepUntil(used time.Duration) syscall.Errno {
	ts := unix.NsecToTimespec(max(used.Nanoseconds(), 0))
	_, _, errno := unix.Syscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_PROCESS_CPUTIME_ID, unix.TIMER_ABSTIME, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	return errno
}
