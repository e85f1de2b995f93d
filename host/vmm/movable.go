package vmm

import "fmt"

// PinnedError says that a machine cannot go on at another host, because its network or its volumes are this host's own.
type PinnedError struct {
	Name    string // the machine's
	Network Network
	Volumes bool // it is for them
}

// Error implements error.
func (e *PinnedError) Error() string {
	if e.Volumes {
		return fmt.Sprintf("move %s: its volumes are files of this host alone: start it without them, or stop it here and start it there", e.Name)
	}
	kind := "user-mode"
	if e.Network != NetworkUser {
		kind = string(e.Network)
	}
	return fmt.Sprintf("move %s: its network is of this host alone (%s networking: its connections end here): "+
		"start it on a bridge, with --net bridge=NAME,ip=ADDR/BITS, or without a network", e.Name, kind)
}

// Movable returns nil if the machine can go on at another host: it is on a bridge, under an address that the
// other host's bridge has too, or has no network; and it has neither disks nor shares. Errors: *PinnedError.
func (c Config) Movable() error {
	if len(c.Disks)+len(c.Shares) > 0 {
		return &PinnedError{Name: c.name(), Volumes: true}
	}
	if c.Bridge != nil || c.Network == NetworkNone {
		return nil
	}
	return &PinnedError{Name: c.name(), Network: c.Network}
}
