package node

import (
	"errors"
	"fmt"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// userNetwork is what QEMU's user-mode networking has: fixed addresses, a router and a DNS relay. Its addresses of version
// 6 are of a kind that programs prefer those of version 4 to, since not every host has a way out by them.
var userNetwork = hvcall.Network{Address: []string{"10.0.2.15/24", "fec0::15/64"}, Gateway: []string{"10.0.2.2", "fec0::2"}, DNS: []string{"10.0.2.3"}}

// network is what the guest is told of its network; nil = it has none.
func (s GuestSpec) network() *hvcall.Network {
	n := userNetwork
	switch {
	case s.Bridge != nil:
		n = *bridged(*s.Bridge)
	case s.Network == vmm.NetworkNone:
		return nil
	}
	if len(s.DNS) > 0 {
		n.DNS = s.DNS
	}
	return &n
}

func bridged(a bridge.Attachment) *hvcall.Network {
	n := &hvcall.Network{MAC: a.HardwareAddr(), MTU: a.MTU}
	for _, p := range a.Addresses {
		n.Address = append(n.Address, p.String())
	}
	for _, g := range a.Gateways {
		n.Gateway = append(n.Gateway, g.String())
	}
	for _, d := range a.DNS {
		n.DNS = append(n.DNS, d.String())
	}
	return n
}

func (s GuestSpec) checkBridge() error {
	if s.Bridge == nil {
		return nil
	}
	var bad *bridge.ValueError
	switch {
	case errors.As(s.Bridge.Check(), &bad):
		return &SpecError{"Bridge." + bad.Field, bad.Cause, bad.Fix}
	case len(s.Ports) > 0:
		return &SpecError{"Ports", "a guest on a bridge is reached at its own address, at all its ports", "leave -p out"}
	case s.Network != vmm.NetworkUser:
		return &SpecError{"Network", fmt.Sprintf("%q beside a bridge: a guest has one network", string(s.Network)), "leave one of them out"}
	}
	return nil
}

// clash refuses a guest that would share an address with one that is here. n.mu is held.
func (n *Node) clash(g *Guest) error {
	if g.spec.Bridge == nil {
		return nil
	}
	for id, other := range n.guests {
		if other.spec.Bridge == nil {
			continue
		}
		if shared := g.spec.Bridge.Clash(*other.spec.Bridge); shared != "" {
			return &SpecError{"Bridge", fmt.Sprintf("%s on %s is the address of guest %s", shared, g.spec.Bridge.Bridge, id),
				"choose another address, or end that guest first"}
		}
	}
	return nil
}

// Movable returns nil if the guest's network and volumes let it go on at another host. Errors: *vmm.PinnedError.
func (g *Guest) Movable() error {
	return g.spec.movable()
}

func (s GuestSpec) movable() error {
	cfg := s.machine(nil)
	cfg.Disks = make([]vmm.Disk, len(s.Volumes)) // of either kind: none goes along
	return cfg.Movable()
}
