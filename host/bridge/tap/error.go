package tap

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Error says why a guest cannot be attached to a bridge of this host. Nothing was left.
type Error struct {
	Bridge string
	Cause  string
	Fix    string
	Err    error // what the kernel said, or nil; for example one that wraps syscall.EPERM
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("attach to bridge %s: %s: %s", e.Bridge, e.Cause, e.Fix)
}

// Unwrap returns what the kernel said.
func (e *Error) Unwrap() error { return e.Err }

// failed makes an Error of what the kernel refused.
func failed(bridge, verb string, err error) *Error {
	switch {
	case errors.Is(err, fs.ErrPermission): // EPERM and EACCES
		return &Error{bridge, fmt.Sprintf("no right to %s", verb),
			"run as root, or with CAP_NET_ADMIN and access to " + device, err}
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO):
		return &Error{bridge, fmt.Sprintf("%s: %v", verb, err), "load the driver with: modprobe tun", err}
	}
	return &Error{bridge, fmt.Sprintf("%s: %v", verb, err), "see the kernel's log, and: ip -d link show " + bridge, err}
}
