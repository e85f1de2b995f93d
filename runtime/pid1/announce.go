package pid1

import (
	"fmt"

	"github.com/silo-os/silo/hvcall"
)

// announceOn are the settings by which the kernel tells its neighbours, when an interface gets an Ethernet address, which IP
// addresses are to be found there: by gratuitous ARP (RFC 5227, 3) and by unsolicited neighbour advertisements (RFC 4861,
// 7.2.6).
var announceOn = []file{
	{"/proc/sys/net/ipv4/conf/all/arp_notify", "1"},
	{"/proc/sys/net/ipv6/conf/all/ndisc_notify", "1"},
}

// announce tells everybody on the guest's network where its addresses are from now on: bridges learn the port, neighbours the
// Ethernet address. It does nothing where the network is the host's own, where nobody else is. It is for the start, and
// for the moment when the guest has arrived at another host. The interface is given the address that it has, which
// has the kernel say all that it knows, in the right form for each address.
func announce(n *hvcall.Network) error {
	if n == nil || n.MAC == "" {
		return nil
	}
	index, err := findInterface(sysNet)
	if err != nil {
		return err
	}
	if err := writeFiles(announceOn); err != nil {
		return err
	}
	return announceAt(index, n.MAC)
}

// announceAt has an interface announced, in a kernel that is set to.
func announceAt(index int, mac string) error {
	var batch routeBatch
	if err := batch.linkAddress(index, mac); err != nil {
		return err
	}
	if err := batch.send(); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}
