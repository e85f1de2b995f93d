package daemon

import (
	"errors"
	"fmt"

	"github.com/silo-os/silo/host/bridge/tap"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// BusyError says that another node has the state folder.
type BusyError struct {
	Dir string
	PID string // of it; "" = not known
}

// Error implements error.
func (e *BusyError) Error() string {
	by := "another silo node"
	if e.PID != "" {
		by += " (process " + e.PID + ")"
	}
	return fmt.Sprintf("%s runs with %s: stop it first, or give this one a folder and a socket of its own with --dir and --socket", by, e.Dir)
}

// asRefusal makes of an error what a client is told.
func asRefusal(err error) *nodeapi.Error {
	var refusal *nodeapi.Error
	if errors.As(err, &refusal) {
		return refusal
	}
	code := nodeapi.CodeInternal
	switch {
	case errors.As(err, new(*node.SpecError)), errors.As(err, new(*vmm.ConfigError)), errors.As(err, new(*vmm.PortError)), errors.As(err, new(*tap.Error)):
		code = nodeapi.CodeInvalid
	case errors.As(err, new(*node.RefusedError)), errors.As(err, new(*node.BoundsError)):
		code = nodeapi.CodeRefused
	case errors.Is(err, node.ErrClosed):
		code = nodeapi.CodeClosing
	case refusesVolume(err) != "":
		code = refusesVolume(err)
	}
	return nodeapi.Refuse(code, "%v", err)
}
