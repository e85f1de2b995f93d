package vmm

import (
	"fmt"
	"strings"
	"syscall"
)

// Cause is why a virtual machine ended.
type Cause string

// Causes of a virtual machine's end.
const (
	CauseGuestShutdown Cause = "guest shut down"       // the ordinary end
	CauseGuestReset    Cause = "guest reset itself"    // reboot, or a triple fault
	CauseGuestPanic    Cause = "guest kernel panicked" // Detail has the kernel's message
	CauseStopped       Cause = "stopped by the host"   // Kill or Close
	CauseKilled        Cause = "qemu was killed"       // by a signal from somebody else, the OOM killer included
	CauseCrashed       Cause = "qemu crashed"          // it failed by itself; see Stderr
	CauseHung          Cause = "machine cannot go on"  // the accelerator gave up; QEMU was ended
	CauseMonitorLost   Cause = "qemu's monitor failed" // QEMU could not be controlled any more and was ended
)

// ExitError tells how a virtual machine ended, the good end included.
type ExitError struct {
	Cause   Cause
	Detail  string             // in words; may be empty
	Status  syscall.WaitStatus // of the QEMU process
	Stderr  []string           // last lines of QEMU's own output
	Console []string           // last lines of the guest kernel's console, made safe to show
}

// Error is one line.
func (e *ExitError) Error() string {
	s := string(e.Cause)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Cause == CauseCrashed && len(e.Stderr) > 0 {
		s += ": " + strings.Join(e.Stderr, "; ")
	}
	return s
}

// reportLines is how much of the console a report shows: a screen.
const reportLines = 40

// Report is Error followed by the last lines of the console.
func (e *ExitError) Report() string {
	if len(e.Console) == 0 {
		return e.Error() + "\n(the console stayed empty)\n"
	}
	last := e.Console[max(0, len(e.Console)-reportLines):]
	return fmt.Sprintf("%s\nlast lines of the console:\n  %s\n", e.Error(), strings.Join(last, "\n  "))
}

// ending is what was seen of a machine's end.
type ending struct {
	panicked bool           // GUEST_PANICKED
	shutdown *shutdownEvent // SHUTDOWN, nil if none came
	hung     string         // run state in which the machine cannot go on, or ""
	monitor  error          // why the monitor failed while QEMU ran on, or nil
	killed   bool           // Kill or Close was called
	status   syscall.WaitStatus

	unseen bool // nobody could tell status: QEMU was adopted, and only its parent is told
}

type shutdownEvent struct {
	Guest  bool   `json:"guest"`
	Reason string `json:"reason"`
}

// cause decides among the facts. What the guest did counts before what was done to QEMU
// afterwards: a machine that is closed because its guest panicked has panicked.
func (e ending) cause(console []string) (Cause, string) {
	panicLine := findPanic(console)
	switch {
	case e.panicked:
		return CauseGuestPanic, panicLine
	case e.shutdown != nil:
		return e.shutdownCause(panicLine)
	case e.hung != "":
		return CauseHung, "run state " + e.hung
	case e.monitor != nil:
		return CauseMonitorLost, e.monitor.Error()
	case e.killed:
		return CauseStopped, ""
	case e.unseen:
		return CauseKilled, "or crashed: nobody saw it end"
	case e.status.Signaled() && e.status.Signal() == syscall.SIGKILL:
		return CauseKilled, "SIGKILL: by hand, or by the host for want of memory"
	case e.status.Signaled():
		return CauseCrashed, e.status.Signal().String()
	default:
		return CauseCrashed, fmt.Sprintf("exit status %d", e.status.ExitStatus())
	}
}

func (e ending) shutdownCause(panicLine string) (Cause, string) {
	switch reason := e.shutdown.Reason; {
	case reason == "guest-panic":
		return CauseGuestPanic, panicLine
	case reason == "guest-shutdown":
		return CauseGuestShutdown, ""
	case reason == "host-signal":
		return CauseKilled, "by a signal that QEMU caught"
	case reason == "host-qmp-quit":
		return CauseStopped, ""
	case e.shutdown.Guest && panicLine != "": // a kernel that has no panic device
		return CauseGuestPanic, panicLine
	case e.shutdown.Guest:
		return CauseGuestReset, reason
	default:
		return CauseCrashed, "qemu ended the machine: " + reason
	}
}

// panicMark begins the kernel's last words.
const panicMark = "Kernel panic - not syncing: "

func findPanic(console []string) string {
	for i := len(console) - 1; i >= 0; i-- {
		if _, words, ok := strings.Cut(console[i], panicMark); ok {
			return words
		}
	}
	return ""
}
