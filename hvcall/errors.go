package hvcall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrClosed is returned by calls on a connection that has ended.
var ErrClosed = errors.New("connection closed")

// ErrStuck is why a conversation ended whose peer did not read for longer than Limits.Stuck.
var ErrStuck = errors.New("the peer does not read")

// ErrAway is returned while nobody has the other end of the port open, as when a host starts anew. Calls that
// wait for an answer then return it: nobody will give it.
var ErrAway = errors.New("the host is away")

// FrameError says which field of a frame or payload a correct peer would not have sent.
type FrameError struct {
	Field string // name of the field
	Value uint64 // what it held
	Why   string // what is wrong with it
}

// Error implements error.
func (e *FrameError) Error() string {
	return fmt.Sprintf("decode frame: %s %d: %s", e.Field, e.Value, e.Why)
}

// Code says why a call was refused.
type Code uint32

// The codes a [Fault] carries.
const (
	CodeUnknown  Code = 1 // the operation is not known to the peer
	CodeInvalid  Code = 2 // the payload was refused
	CodeBusy     Code = 3 // too many calls at once
	CodeInternal Code = 4 // the peer failed
	CodeOrder    Code = 5 // not now: for example a call before Hello
)

var codeNames = map[Code]string{
	CodeUnknown: "unknown operation", CodeInvalid: "invalid request", CodeBusy: "busy",
	CodeInternal: "internal error", CodeOrder: "out of order",
}

// String is the code in words.
func (c Code) String() string {
	if s, ok := codeNames[c]; ok {
		return s
	}
	return "code " + strconv.FormatUint(uint64(c), 10)
}

// Fault is a call refused by the peer. Errors returned by a [Handler] that are not a *Fault
// reach the caller as CodeInternal.
type Fault struct {
	Op   Op
	Code Code
	Text string // at most maxFaultText bytes on the wire
}

const maxFaultText = 512

// Error implements error.
func (f *Fault) Error() string {
	if f.Text == "" {
		return fmt.Sprintf("call %s: %s", f.Op, f.Code)
	}
	return fmt.Sprintf("call %s: %s: %s", f.Op, f.Code, f.Text)
}

func (f *Fault) encode() []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(f.Code)), clip(f.Text, maxFaultText)...)
}

// decodeFault never fails: a fault that cannot be read is still a refusal.
func decodeFault(op Op, b []byte) *Fault {
	f := &Fault{Op: op, Code: CodeInternal}
	if len(b) < 4 {
		return f
	}
	f.Code = Code(binary.LittleEndian.Uint32(b))
	text := b[4:]
	if len(text) > maxFaultText {
		text = text[:maxFaultText]
	}
	f.Text = string(text)
	if !printable(f.Text) {
		f.Text = strconv.QuoteToASCII(f.Text) // it may end up on somebody's terminal
	}
	return f
}

// clip makes s valid UTF-8 of at most n bytes, keeping its beginning.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "?") // one byte for each run of bad ones: never longer than before
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
