package daemon

import (
	"github.com/silo-os/silo/host/nodeapi"
)

// checkBridge refuses an attachment that makes no sense.
func checkBridge(s nodeapi.Spec) error {
	if s.Bridge == nil {
		return nil
	}
	if err := s.Bridge.Check(); err != nil {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "bridge: %v", err)
	}
	if len(s.Ports) > 0 {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "ports: a guest on a bridge is reached at its own address, at all its ports: leave them out")
	}
	if s.Network != "" {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "network: %q beside a bridge: a guest has one network: leave one of them out", s.Network)
	}
	return nil
}

// clash refuses a guest that would share an address with another one, also with one that does not run at the moment and
// will again. d.mu is held.
func (d *Daemon) clash(s nodeapi.Spec) error {
	if s.Bridge == nil {
		return nil
	}
	for name, k := range d.keepers {
		select {
		case <-k.done:
			continue // for good
		default:
		}
		if k.bridge == nil {
			continue
		}
		if shared := s.Bridge.Clash(*k.bridge); shared != "" {
			return nodeapi.Refuse(nodeapi.CodeTaken, "%s on %s is the address of guest %s: choose another address, or end it first with: silo stop %s",
				shared, s.Bridge.Bridge, name, name)
		}
	}
	return nil
}
