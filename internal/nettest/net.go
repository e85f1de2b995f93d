package nettest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Bridge is the name of each host's bridge.
const Bridge = "br0"

// Prefix4 and Prefix6 are the nets that all of it is in. Their lowest 31 addresses are the network's own.
const (
	Prefix4 = "10.77.0.0/24"
	Prefix6 = "fd77::/64"
)

// Net is the network.
type Net struct {
	A, B, Client *Host
}

// New makes a network for a test, and removes it at the test's end.
func New(t testing.TB) *Net {
	t.Helper()
	n := &Net{}
	t.Cleanup(n.close)
	if err := n.make(); err != nil {
		if errors.Is(err, unix.EPERM) && os.Getenv("CI") != "true" {
			t.Skipf("this test makes network namespaces (%v): run it as root", err)
		}
		t.Fatalf("this test makes network namespaces, which takes root and a kernel with veth, bridge and tun: %v", err)
	}
	return n
}

func (n *Net) make() error {
	for _, h := range []struct {
		at   **Host
		name string
		ip   int
	}{{&n.A, "a", 2}, {&n.B, "b", 3}, {&n.Client, "client", 1}} {
		made, err := newHost(h.name)
		if err != nil {
			return err
		}
		*h.at = made
		made.IP = fmt.Sprintf("10.77.0.%d", h.ip)
		if made != n.Client {
			if err := made.do(func() error { return addBridge(made) }); err != nil {
				return fmt.Errorf("make bridge of %s: %w", h.name, err)
			}
		}
	}
	if err := n.A.do(func() error { return n.wire() }); err != nil {
		return fmt.Errorf("make wires: %w", err)
	}
	if err := n.B.do(func() error { return plug("to-a") }); err != nil {
		return fmt.Errorf("plug wire in: %w", err)
	}
	return n.Client.do(func() error { return address("eth0", n.Client.IP) })
}

// do is Do for what may fail.
func (h *Host) do(f func() error) (err error) {
	h.Do(func() { err = f() })
	return err
}

func addBridge(h *Host) error {
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: Bridge}}); err != nil {
		return err
	}
	return address(Bridge, h.IP)
}

// address gives an interface its addresses, usable at once, and brings it up.
func address(name, ip string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	last := ip[len("10.77.0."):]
	for _, text := range []string{ip + "/24", "fd77::" + last + "/64"} {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		a.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrAdd(link, a); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// wire makes the wires from A, in its namespace, to B and to the client.
func (n *Net) wire() error {
	for _, w := range []struct {
		near, far string
		to        *Host
	}{{"to-b", "to-a", n.B}, {"to-client", "eth0", n.Client}} {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: w.near}, PeerName: w.far, PeerNamespace: netlink.NsFd(w.to.ns)}
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		if err := plug(w.near); err != nil {
			return err
		}
	}
	return nil
}

// plug puts an interface on the bridge of the namespace.
func plug(name string) error {
	br, err := netlink.LinkByName(Bridge)
	if err != nil {
		return err
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(link, br); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

// Cut cuts the wire between the hosts, or mends it.
func (n *Net) Cut(cut bool) error {
	return n.A.do(func() error {
		link, err := netlink.LinkByName("to-b")
		if err != nil {
			return err
		}
		if cut {
			return netlink.LinkSetDown(link)
		}
		return netlink.LinkSetUp(link)
	})
}

func (n *Net) close() {
	for _, h := range []*Host{n.A, n.B, n.Client} {
		if h != nil && h.ns > 0 {
			h.ns.Close()
		}
	}
}
