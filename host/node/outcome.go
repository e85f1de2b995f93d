package node

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// Exit codes of guests that could not say how their application ended.
const (
	CodeSilent = 121 // the guest answered its host nothing for longer than allowed
	CodeHost   = 122 // the machine ended from outside, or powered off without a word
	CodeKernel = 123 // the guest's kernel panicked
	CodeKilled = 137 // killed by the host: 128 + SIGKILL, as a shell would show it
)

// HelloError says that a guest never said Hello.
type HelloError struct {
	Guest   string
	Within  time.Duration  // what it had
	Copy    bool           // it was to go on from a template, and its Hello was another guest's
	Ended   *vmm.ExitError // how its machine ended by itself before; nil = it was ended for being late
	CallErr error          // what it said in place of Hello, if it said anything
	Console []string       // last lines of its kernel's console
}

// Error is one line; Report has the console as well.
func (e *HelloError) Error() string {
	switch {
	case e.Copy:
		return fmt.Sprintf("guest %s did not go on from its template within %v: the template is gone and the next start boots", e.Guest, e.Within)
	case e.CallErr != nil:
		return fmt.Sprintf("guest %s said something else than hello: %v", e.Guest, e.CallErr)
	case e.Ended != nil:
		return fmt.Sprintf("guest %s ended before it said hello: %v", e.Guest, e.Ended)
	}
	return fmt.Sprintf("guest %s did not say hello within %v", e.Guest, e.Within)
}

// Report is Error and the last lines of the console.
func (e *HelloError) Report() string { return e.Error() + "\n" + tail(e.Console) }

const tailLines = 40

// tail is the end of a console, for people.
func tail(lines []string) string {
	if len(lines) == 0 {
		return "its console stayed empty"
	}
	lines = lines[max(0, len(lines)-tailLines):]
	return "last lines of its console:\n  " + strings.Join(lines, "\n  ")
}

// isLost tells a call channel that went away, as it does with its machine, from one that is not understood.
func isLost(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

// outcome says how the application ended. Its own word counts most, then what the machine did by
// itself, then what the host did to it.
func (g *Guest) outcome(end ending) (hvcall.Exit, error) {
	g.mu.Lock()
	reported := g.reported
	g.mu.Unlock()
	how := g.vm.Err()
	console := g.vm.ConsoleTail()
	switch {
	case reported != nil:
		return *reported, nil
	case how.Cause == vmm.CauseGuestPanic:
		return hvcall.Exit{Cause: hvcall.CauseKernel, Code: CodeKernel, Text: how.Error(), Trace: tail(console)}, nil
	case end.late:
		return hvcall.Exit{}, &HelloError{Guest: g.Name(), Within: g.spec.HelloDeadline, Copy: g.FromTemplate(), CallErr: end.callErr, Console: console}
	case end.silent:
		return hvcall.Exit{Cause: hvcall.CauseSilent, Code: CodeSilent, Text: fmt.Sprintf("it answered nothing for %v", g.spec.AnswerWithin), Trace: tail(console)}, nil
	case end.killed != "":
		return hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeKilled, Signal: 9, Text: end.killed}, nil
	case g.said.when().IsZero():
		return hvcall.Exit{}, &HelloError{Guest: g.Name(), Within: g.spec.HelloDeadline, Ended: how, CallErr: end.callErr, Console: console}
	case end.callErr != nil && (how.Cause == vmm.CauseStopped || !isLost(end.callErr)):
		return hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeHost, Text: fmt.Sprintf("the call channel failed: %v", end.callErr), Trace: tail(console)}, nil
	case how.Cause == vmm.CauseGuestShutdown:
		return hvcall.Exit{Cause: hvcall.CauseInit, Code: CodeHost, Text: "the guest powered off without saying how its application ended", Trace: tail(console)}, nil
	}
	return hvcall.Exit{Cause: hvcall.CauseHost, Code: CodeHost, Text: how.Error(), Trace: tail(console)}, nil
}
