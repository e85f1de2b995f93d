package vmm

import "fmt"

// PinnedError says that a machine cannot go on at another host, because its network is this host's own.
type PinnedError struct {
	Name    string // the machine's
	Network Network
}

// Error implements error.
func (e *PinnedError) Error() string {
	kind := "user-mode"
	if e.Network != NetworkUser {
		kind = string(e.Network)
	}
	return fmt.Sprintf("move %s: its network is of this host alone (%s networking: its connections end here): "+
		"start it on a bridge, with --net bridge=NAME,ip=ADDR/BITS, or without a network", e.Name, kind)
}

// Movable returns nil if the machine's network lets it go on at another host: it is on a bridge, under an address that the
// other host's bridge has too, or has no network. Errors: *PinnedError.
func (c Config) Movable() error {
	if c.Bridge != nil || c.Network == NetworkNone {
		return nil
	}
	return &PinnedError{Name: c.name(), Network: c.Network}
}
