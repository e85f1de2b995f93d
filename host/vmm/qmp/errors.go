package qmp

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrClosed is the cause of failure after Close.
var ErrClosed = errors.New("qmp client is closed")

// Classes of [Error] that QEMU gives; everything that has no class of its own is generic.
const (
	ClassGeneric         = "GenericError"
	ClassCommandNotFound = "CommandNotFound"
	ClassDeviceNotFound  = "DeviceNotFound"
	ClassDeviceNotActive = "DeviceNotActive"
)

// Error is QEMU's refusal of one command. The client stays open.
type Error struct {
	Class string // one of the Class constants, or one of a newer QEMU
	Desc  string // in words, for people; control characters are removed
}

// Error implements error.
func (e *Error) Error() string { return e.Class + ": " + e.Desc }

// ProtocolError says that the peer does not speak QMP. The client has failed.
type ProtocolError struct {
	Problem string // what is wrong
	Excerpt string // the beginning of the offending line, quoted
	Err     error  // the decoder's error, or nil
}

// Error implements error.
func (e *ProtocolError) Error() string {
	s := "qmp protocol: " + e.Problem
	if e.Excerpt != "" {
		s += ": " + e.Excerpt
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the decoder's error.
func (e *ProtocolError) Unwrap() error { return e.Err }

// excerptBytes is how much of an offending line an error shows: enough to recognise it.
const excerptBytes = 80

func protocolError(problem string, line []byte, err error) *ProtocolError {
	excerpt := ""
	if len(line) > 0 {
		excerpt = fmt.Sprintf("%q", line[:min(len(line), excerptBytes)])
	}
	return &ProtocolError{Problem: problem, Excerpt: excerpt, Err: err}
}

// printable removes what could move a terminal's cursor: QEMU's words end up in errors.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}
