package nettest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Host is a network namespace.
type Host struct {
	Name string
	IP   string // its own address, without the net's width
	ns   netns.NsHandle
}

// newHost makes a namespace in which only the loopback interface is up.
func newHost(name string) (*Host, error) {
	h := &Host{Name: name}
	var err error
	onThread(func() error {
		if h.ns, err = netns.New(); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		var lo netlink.Link
		if lo, err = netlink.LinkByName("lo"); err == nil {
			err = netlink.LinkSetUp(lo)
		}
		return err
	})
	return h, err
}

// onThread runs f on a thread of its own, which ends with it.
func onThread(f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends in the namespace that it is in
		err = f()
	}()
	<-done
	return err
}

// Do runs f in the host's namespace. Goroutines that it starts are not in it; processes are, if it starts them itself.
func (h *Host) Do(f func()) {
	err := onThread(func() error {
		if err := netns.Set(h.ns); err != nil {
			return err
		}
		f()
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("enter network namespace of %s: %v", h.Name, err)) // it is held: only a closed one fails
	}
}

// Start starts a command in the host's namespace. A parent-death signal would come at once: the thread ends.
func (h *Host) Start(cmd *exec.Cmd) (err error) {
	h.Do(func() { err = cmd.Start() })
	return err
}

// Dial connects from the host.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	h.Do(func() { conn, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address) })
	return conn, err
}

// Taps are the names of the host's devices that begin with a prefix.
func (h *Host) Taps(prefix string) (names []string, err error) {
	h.Do(func() {
		var links []netlink.Link
		links, err = netlink.LinkList()
		for _, l := range links {
			if strings.HasPrefix(l.Attrs().Name, prefix) {
				names = append(names, l.Attrs().Name)
			}
		}
	})
	return names, err
}
