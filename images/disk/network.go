package disk

import (
	"net/netip"
	"strings"
)

// NetworkWord begins the word on the kernel's command line that has a machine's network.
const NetworkWord = "silo.ip="

// Network is how the first network interface of a machine without a host is configured. Nothing asks for an address there:
// what is written to the disk is what the machine has.
type Network struct {
	Addresses []netip.Prefix // at least one, with the width of its net
	Gateways  []netip.Addr   // at most one of each family
	DNS       []netip.Addr   // resolvers
}

// word is the network as PID 1 reads it.
func (n Network) word() string {
	var items []string
	for _, a := range n.Addresses {
		items = append(items, "ip="+a.String())
	}
	for _, a := range n.Gateways {
		items = append(items, "gw="+a.String())
	}
	for _, a := range n.DNS {
		items = append(items, "dns="+a.String())
	}
	return NetworkWord + strings.TrimPrefix(strings.Join(items, ","), "ip=")
}
