package alarm

import (
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pause is from where on a wait is left to the kernel.
const pause = 40 * time.Millisecond

// Alarm is a timer of the kernel's. A nil one leaves all waiting to the Go timer.
type Alarm struct {
	file  *os.File
	conn  syscall.RawConn
	rings chan struct{}
	armed bool

	// What set hands to settime, which is made once: to arm the alarm needs no memory, which may not be there.
	settime func(fd uintptr)
	spec    unix.ItimerSpec
	isSet   bool
}

// In makes one for a program that runs in a guest, and none otherwise. Where the kernel has none to give the log says so.
func In(guest bool, log *slog.Logger) *Alarm {
	return inGuest(guest, log, "the host is woken more often than need be", New)
}

// inGuest makes what the kernel has for a program in a guest. Elsewhere it is nil, and where the kernel has none too: then
// the log says what that costs.
func inGuest[T any](guest bool, log *slog.Logger, without string, make func() (*T, error)) *T {
	if !guest {
		return nil
	}
	made, err := make()
	if err != nil {
		log.Warn(without, "err", err)
		return nil
	}
	return made
}

// New makes one that is not armed.
func New() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create timer: %w", err)
	}
	a := &Alarm{file: os.NewFile(uintptr(fd), "timer"), rings: make(chan struct{}, 1)}
	if a.conn, err = a.file.SyscallConn(); err != nil {
		a.file.Close()
		return nil, fmt.Errorf("create timer: %w", err)
	}
	a.settime = func(fd uintptr) {
		_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&a.spec)), 0, 0, 0)
		a.isSet = errno == 0
	}
	go a.listen()
	return a, nil
}

// Close ends it.
func (a *Alarm) Close() error {
	if a == nil {
		return nil
	}
	return a.file.Close()
}

// C delivers when the time is over. What was armed anew may still deliver for the time before.
func (a *Alarm) C() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.rings
}

// Arm ends a wait of either timer and begins one of d: a pause with the kernel's, anything shorter with the Go timer t.
func (a *Alarm) Arm(t *time.Timer, d time.Duration) {
	if a == nil || d < pause || !a.set(d) {
		a.disarm()
		t.Reset(d)
		return
	}
	t.Stop()
	a.armed = true
}

func (a *Alarm) disarm() {
	if a != nil && a.armed {
		a.armed = false
		a.set(0)
	}
}

// set has the kernel's timer end after d; 0 = never. The call is made without a word to the Go scheduler, or its monitor
// would wake for it: it does not wait.
func (a *Alarm) set(d time.Duration) bool {
	a.spec = unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	a.isSet = false
	return a.conn.Control(a.settime) == nil && a.isSet
}

// listen waits for the kernel until the end.
func (a *Alarm) listen() {
	var ended [8]byte // how often it did
	read := func(fd uintptr) bool {
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&ended)), uintptr(len(ended)))
		return errno != unix.EAGAIN // whatever else it says, one look too many is harmless
	}
	for {
		if err := a.conn.Read(read); err != nil {
			return
		}
		select {
		case a.rings <- struct{}{}:
		default:
		}
	}
}
