package pid1

import (
	"bytes"
	"fmt"
	"strings"

	"gvisor.dev/gvisor/pkg/abi/linux"

	"github.com/silo-os/silo/hvcall"
)

// ending is what the supervisor knows when the application is gone.
type ending struct {
	status   linux.WaitStatus
	stderr   []byte // its last output on standard error
	oomKills int64  // killed by the kernel in its cgroup
	refused  bool   // we ended it: it waited at the gate for too long
	shutdown bool   // a shutdown was under way
	hung     string // why we ended it with SIGQUIT; "" = we did not
}

// exitPanic is the code with which the Go runtime ends a program that panicked.
const exitPanic = 2

// classify says how the application ended. Every cause is told apart from every other.
func classify(e ending) hvcall.Exit {
	if e.hung != "" {
		x := hvcall.Exit{Cause: hvcall.CauseHung, Code: codeOf(e.status), Text: e.hung, Trace: text(panicTrace(e.stderr))}
		if e.status.Signaled() {
			x.Signal = int(e.status.TerminationSignal())
		}
		return x
	}
	if e.status.Exited() {
		return exited(e)
	}
	sig := e.status.TerminationSignal()
	if trace := panicTrace(e.stderr); sig == linux.SIGABRT && trace != nil {
		return panicked(e, trace) // as with GOTRACEBACK=crash
	}
	x := hvcall.Exit{Cause: hvcall.CauseSignal, Signal: int(sig), Code: codeOf(e.status), Text: fmt.Sprintf("ended by signal %d", sig)}
	switch {
	case e.refused:
		x.Cause, x.Text = hvcall.CauseRefused, "memory refused by host: a thread waited at the memory gate longer than allowed; raise the maximum (--memory MIN:MAX)"
	case e.oomKills > 0 && sig == linux.SIGKILL:
		x.Cause, x.Text = hvcall.CauseMemory, "killed by the guest's kernel for want of memory"
	case e.shutdown:
		x.Cause, x.Text = hvcall.CauseShutdown, fmt.Sprintf("shutdown: ended by signal %d", sig)
	}
	return x
}

// exited is classify for an application that ended by itself.
func exited(e ending) hvcall.Exit {
	code := codeOf(e.status)
	if trace := panicTrace(e.stderr); code == exitPanic && trace != nil {
		return panicked(e, trace)
	}
	return hvcall.Exit{Cause: hvcall.CauseExit, Code: code, Text: fmt.Sprintf("exit code %d", code)}
}

// panicked is classify for a Go program that said why it ends.
func panicked(e ending, trace []byte) hvcall.Exit {
	x := hvcall.Exit{Cause: hvcall.CausePanic, Code: codeOf(e.status), Trace: text(trace)}
	if e.status.Signaled() {
		x.Signal = int(e.status.TerminationSignal())
	}
	x.Text, _, _ = strings.Cut(x.Trace, "\n")
	if strings.HasPrefix(x.Trace, quitMark) {
		x.Cause, x.Signal = hvcall.CauseSignal, int(linux.SIGQUIT)
	}
	return x
}

// coreSignals are those by which a program crashes.
var coreSignals = map[linux.Signal]bool{linux.SIGQUIT: true, linux.SIGILL: true, linux.SIGTRAP: true, linux.SIGABRT: true, linux.SIGBUS: true,
	linux.SIGFPE: true, linux.SIGSEGV: true, linux.SIGXCPU: true, linux.SIGXFSZ: true, linux.SIGSYS: true}

// codeOf is what a shell would show.
func codeOf(s linux.WaitStatus) int {
	if s.Exited() {
		return int(s.ExitStatus())
	}
	return 128 + int(s.TerminationSignal())
}

func text(b []byte) string { return string(bytes.ToValidUTF8(b, []byte("?"))) }

// quitMark begins what a Go program says when it gets SIGQUIT.
const quitMark = "SIGQUIT: quit"

// panicTrace finds where a Go panic or fatal error begins in the last output, or returns nil.
// Both a first line and a goroutine must be there: a program may well print the word panic.
func panicTrace(stderr []byte) []byte {
	for _, mark := range [...]string{"panic: ", "fatal error: ", "runtime: out of memory", quitMark} {
		at := bytes.LastIndex(stderr, []byte("\n"+mark))
		if at < 0 && bytes.HasPrefix(stderr, []byte(mark)) {
			at = -1
		} else if at < 0 {
			continue
		}
		if trace := stderr[at+1:]; bytes.Contains(trace, []byte("\ngoroutine ")) {
			return trace
		}
	}
	return nil
}
