package pid1

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/silo-os/silo/hvcall"
)

// configureNetwork brings up loopback and, where the host configured one, the guest's interface.
func configureNetwork(n *hvcall.Network) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring up loopback: %w", err)
	}
	if n == nil {
		return nil
	}
	link, err := findLink(n.MAC)
	if err != nil {
		return err
	}
	if n.MTU > 0 {
		if err := netlink.LinkSetMTU(link, n.MTU); err != nil {
			return fmt.Errorf("set mtu %d: %w", n.MTU, err)
		}
	}
	for _, a := range n.Address {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return fmt.Errorf("parse address %q: %w", a, err)
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("add address %s: %w", a, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring up %s: %w", link.Attrs().Name, err)
	}
	return addRoutes(link, n.Gateway)
}

func addRoutes(link netlink.Link, gateways []string) error {
	for _, g := range gateways {
		ip := net.ParseIP(g)
		if ip == nil {
			return fmt.Errorf("parse gateway %q: not an IP address", g)
		}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: ip}); err != nil {
			return fmt.Errorf("add route by %s: %w", g, err)
		}
	}
	return nil
}

func findLink(mac string) (netlink.Link, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	for _, l := range links {
		a := l.Attrs()
		if a.Flags&net.FlagLoopback != 0 || len(a.HardwareAddr) != 6 {
			continue // loopback, and tunnels that the kernel makes by itself
		}
		if mac == "" || strings.EqualFold(a.HardwareAddr.String(), mac) {
			return l, nil
		}
	}
	return nil, fmt.Errorf("find interface: none has the address %q", mac)
}

// writeNames gives the guest its host name and the files that resolvers read.
func writeNames(name string, n *hvcall.Network) error {
	if name == "" {
		name = "silo"
	}
	if err := setHostname(name); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	var hosts, resolv strings.Builder
	fmt.Fprintf(&hosts, "127.0.0.1 localhost\n::1 localhost\n")
	if n != nil {
		for _, a := range n.Address {
			if ip, _, err := net.ParseCIDR(a); err == nil {
				fmt.Fprintf(&hosts, "%s %s\n", ip, name)
			}
		}
		for _, d := range n.DNS {
			fmt.Fprintf(&resolv, "nameserver %s\n", d)
		}
	}
	for path, text := range map[string]string{
		"/etc/hostname": name + "\n", "/etc/hosts": hosts.String(), "/etc/resolv.conf": resolv.String(),
		"/etc/passwd": "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
		"/etc/group":  "root:x:0:\nnogroup:x:65534:\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}
