package pid1

import (
	"bytes"
	"fmt"

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
}

// exitPanic is the code with which the Go runtime ends a program that panicked.
const exitPanic = 2

// classify says how the application ended. Every cause is told apart from every other.
func classify(e ending) hvcall.Exit {
	if e.status.Exited() {
		code := int(e.status.ExitStatus())
		x := hvcall.Exit{Cause: hvcall.CauseExit, Code: code, Text: fmt.Sprintf("exit code %d", code)}
		if trace := panicTrace(e.stderr); code == exitPanic && trace != nil {
			first, _, _ := bytes.Cut(trace, []byte("\n"))
			x.Cause, x.Text, x.Trace = hvcall.CausePanic, string(bytes.ToValidUTF8(first, []byte("?"))), string(bytes.ToValidUTF8(trace, []byte("?")))
		}
		return x
	}
	sig := e.status.TerminationSignal()
	x := hvcall.Exit{Cause: hvcall.CauseSignal, Signal: int(sig), Code: 128 + int(sig), Text: fmt.Sprintf("ended by signal %d", sig)}
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

// panicTrace finds where a Go panic or fatal error begins in the last output, or returns nil.
// Both a first line and a goroutine must be there: a program may well print the word panic.
func panicTrace(stderr []byte) []byte {
	for _, mark := range [...]string{"panic: ", "fatal error: ", "runtime: out of memory"} {
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
