package nodeapi

import (
	"errors"
	"fmt"
	"net/http"
)

// Code says what kind of refusal an Error is.
type Code string

// The codes, and the HTTP status that each comes with.
const (
	CodeInvalid  Code = "invalid"   // 400: the request makes no sense
	CodeDenied   Code = "denied"    // 403: not for who asks
	CodeNotFound Code = "not_found" // 404: no such guest, or no such path
	CodeTaken    Code = "taken"     // 409: the name is in use
	CodeRefused  Code = "refused"   // 409: the host can never guarantee it
	CodeState    Code = "state"     // 409: not in the state that the guest is in
	CodeMoved    Code = "moved"     // 409: the guest is on another host now
	CodeStayed   Code = "stayed"    // 409: the guest could not be moved, and is where it was
	CodeInternal Code = "internal"  // 500: the node failed
	CodeClosing  Code = "closing"   // 503: the node is on its way out
)

// Status is the HTTP status that a code comes with.
func (c Code) Status() int {
	switch c {
	case CodeInvalid:
		return http.StatusBadRequest
	case CodeDenied:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeTaken, CodeRefused, CodeState, CodeMoved, CodeStayed:
		return http.StatusConflict
	case CodeClosing:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Error is a refusal by the node. It is also the body of every answer that is one.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // one line, with the cause and the fix
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Refuse makes an Error.
func Refuse(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// Is reports whether err is a refusal of some kind.
func Is(err error, c Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == c
}

// NoNodeError says that nobody answers where a node should.
type NoNodeError struct {
	Target string
	Err    error
}

// Error implements error.
func (e *NoNodeError) Error() string {
	return fmt.Sprintf("no silo node answers at %s: %v: start one with: silo node", e.Target, e.Err)
}

// Unwrap returns the cause.
func (e *NoNodeError) Unwrap() error { return e.Err }
