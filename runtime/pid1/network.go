package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/silo-os/silo/hvcall"
)

const (
	sysNet     = "/sys/class/net"
	loopback   = 1 // the kernel makes it first
	etherType  = "1"
	resolvPath = "/etc/resolv.conf"
)

func loopbackUp() error {
	var batch routeBatch
	batch.linkUp(loopback, 0)
	return batch.send()
}

// configureNetwork brings up the guest's interface, where the host configured one.
func configureNetwork(n *hvcall.Network) error {
	if n == nil {
		return nil
	}
	index, err := findInterface(sysNet)
	if err != nil {
		return err
	}
	var batch routeBatch
	if err := batch.configure(index, n); err != nil {
		return err
	}
	if err := batch.send(); err != nil {
		return err
	}
	return announce(n)
}

func (r *routeBatch) configure(index int, n *hvcall.Network) error {
	// A guest that goes on from a template has the address of the one that was saved until then.
	if err := r.linkAddress(index, n.MAC); err != nil {
		return err
	}
	r.linkUp(index, n.MTU)
	for _, a := range n.Address {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			return fmt.Errorf("parse address %q: %w", a, err)
		}
		r.address(index, p)
	}
	for _, g := range n.Gateway {
		a, err := netip.ParseAddr(g)
		if err != nil {
			return fmt.Errorf("parse gateway %q: %w", g, err)
		}
		r.defaultRoute(index, a)
	}
	return nil
}

// findInterface returns the index of the first Ethernet interface. A guest has no other.
func findInterface(sys string) (int, error) {
	dirs, err := filepath.Glob(filepath.Join(sys, "*"))
	if err != nil {
		return 0, fmt.Errorf("list interfaces: %w", err)
	}
	var errs []error
	for _, dir := range dirs {
		read := func(file string) string {
			b, err := os.ReadFile(filepath.Join(dir, file))
			errs = append(errs, err)
			return string(bytes.TrimSpace(b))
		}
		if read("type") != etherType {
			continue
		}
		if index, err := strconv.Atoi(read("ifindex")); err == nil {
			return index, nil
		}
	}
	return 0, fmt.Errorf("find Ethernet interface: none of %d is one, and virtio devices only are driven: %w", len(dirs), errors.Join(append(errs, os.ErrNotExist)...))
}

// writeNames gives the guest its host name and the files that resolvers read.
func writeNames(name string, n *hvcall.Network) error {
	if name == "" {
		name = "silo"
	}
	if err := setHostname(name); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	hosts, resolv := nameFiles(name, n)
	return writeFiles([]file{{"/etc/hostname", name + "\n"}, {"/etc/hosts", hosts}, {resolvPath, resolv}})
}

type file struct{ path, text string }

func writeFiles(files []file) error {
	for _, f := range files {
		if err := os.WriteFile(f.path, []byte(f.text), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	return nil
}

func nameFiles(name string, n *hvcall.Network) (hosts, resolv string) {
	var h, r strings.Builder
	h.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	if n == nil || len(n.Address) == 0 {
		fmt.Fprintf(&h, "127.0.0.1 %s\n", name) // a program must find itself
	}
	if n != nil {
		for _, a := range n.Address {
			if p, err := netip.ParsePrefix(a); err == nil {
				fmt.Fprintf(&h, "%s %s\n", p.Addr(), name)
			}
		}
		for _, d := range n.DNS {
			fmt.Fprintf(&r, "nameserver %s\n", d)
		}
	}
	return h.String(), r.String()
}
