package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/hvcall"
)

// Exit codes of silo's own; those of node and hvcall stand beside them in doc.go.
const (
	codeNoHello = 124
	codeSilo    = 125
)

// exitError carries a code to the end of main. Its error, if it has one, has been told already.
type exitError struct{ code int }

// Error implements error.
func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// verdict tells how a guest ended, where its own output has not done so, and returns silo's exit code.
// signal is the one that killed the guest, nil if none did.
func verdict(w io.Writer, e hvcall.Exit, err error, signal os.Signal) int {
	var late *node.HelloError
	switch {
	case errors.As(err, &late):
		fmt.Fprintf(w, "silo: %s\nIs it an image that silo built? If it only needs more time, give it --hello-within.\n", late.Report())
		return codeNoHello
	case err != nil:
		fmt.Fprintf(w, "silo: %v\n", err)
		return codeSilo
	}
	if signal != nil && e.Cause == hvcall.CauseHost && e.Code == node.CodeKilled {
		fmt.Fprintln(w, "silo: killed")
		return 128 + signalNumber(signal)
	}
	if s := explain(e); s != "" {
		fmt.Fprintln(w, "silo: "+s)
	}
	if e.Core != "" {
		fmt.Fprintf(w, "silo: the application's core is %s\n", e.Core)
	}
	if e.CoreLost != "" {
		fmt.Fprintf(w, "silo: there is no core of the application: %s\n", e.CoreLost)
	}
	return e.Code
}

// explain is what a person needs to know beyond the application's own output; "" = nothing.
func explain(e hvcall.Exit) string {
	text := e.Text
	if text != "" {
		text = ": " + text
	}
	switch e.Cause {
	case hvcall.CauseSignal:
		return fmt.Sprintf("the application was ended by signal %d%s", e.Signal, text)
	case hvcall.CauseMemory:
		return "the guest's kernel killed the application for want of memory" + text + ": raise the maximum of --memory"
	case hvcall.CauseRefused:
		return "the application waited in vain for memory and was ended" + text + ": raise the maximum of --memory, or make room on the host"
	case hvcall.CauseHung:
		return "the application did not serve any more and was ended" + text
	case hvcall.CauseStart:
		return "the guest could not start the application" + text
	case hvcall.CauseInit:
		return withConsole("the guest's init failed"+text, e.Trace)
	case hvcall.CauseKernel:
		return withConsole(e.Text+"\nIf it happens at each start the image is broken: build it again.", e.Trace)
	case hvcall.CauseSilent:
		return withConsole("the guest did not answer any more and was ended"+text, e.Trace)
	case hvcall.CauseHost:
		return withConsole("the guest was ended from outside"+text, e.Trace)
	}
	return "" // exit, panic and shutdown speak for themselves
}

func withConsole(s, console string) string {
	if console == "" {
		return s
	}
	return s + "\n" + console
}
