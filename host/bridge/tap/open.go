package tap

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/bridge"
)

const (
	device = "/dev/net/tun"

	// Pattern is how devices are named; the kernel puts a number in.
	Pattern = "silo%d"

	// flags: Ethernet frames without a header of the driver's, but with the one of virtio, so that a guest's checksums
	// and segmentation are left to whoever needs them.
	flags = unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR
)

// Open makes the guest's device on its bridge, in the network namespace of the calling thread, and returns what keeps it: the
// device goes with the last copy of the file. Errors: *Error.
func Open(a bridge.Attachment) (*os.File, error) {
	br, err := find(a)
	if err != nil {
		return nil, err
	}
	f, name, err := create(a.Bridge)
	if err != nil {
		return nil, err
	}
	if err := attach(name, br, a); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Check finds out whether Open would fail now, for who has much to do before. It makes a device that is on no bridge, and
// removes it. Errors: *Error.
func Check(a bridge.Attachment) error {
	if _, err := find(a); err != nil {
		return err
	}
	f, _, err := create(a.Bridge)
	if err != nil {
		return err
	}
	f.Close()
	return nil
}

// find returns the bridge, which must be able to carry what the guest sends.
func find(a bridge.Attachment) (netlink.Link, error) {
	link, err := netlink.LinkByName(a.Bridge)
	make := fmt.Sprintf("make it with: ip link add %s type bridge && ip link set %s up", a.Bridge, a.Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, &Error{a.Bridge, "there is no such bridge on this host", make, err}
	}
	if err != nil {
		return nil, failed(a.Bridge, "look at it", err)
	}
	attrs := link.Attrs()
	switch {
	case link.Type() != "bridge":
		return nil, &Error{a.Bridge, fmt.Sprintf("it is no bridge but of type %s", link.Type()),
			"name a bridge: ip link show type bridge lists those there are", nil}
	case attrs.Flags&net.FlagUp == 0:
		return nil, &Error{a.Bridge, "it is down", "bring it up with: ip link set " + a.Bridge + " up", nil}
	case a.Frame() > attrs.MTU:
		return nil, &Error{a.Bridge, fmt.Sprintf("it carries packets of %d bytes and the guest would send %d", attrs.MTU, a.Frame()),
			fmt.Sprintf("add mtu=%d", attrs.MTU), nil}
	}
	return link, nil
}

// create makes a device that nobody is attached to.
func create(bridgeName string) (*os.File, string, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", failed(bridgeName, "open "+device, err)
	}
	f := os.NewFile(uintptr(fd), device)
	request, err := unix.NewIfreq(Pattern)
	if err == nil {
		request.SetUint16(flags)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		f.Close()
		return nil, "", failed(bridgeName, "make a tap device", err)
	}
	return f, request.Name(), nil
}

// attach puts the device on the bridge. Its MTU is the bridge's own before, or the bridge would follow it.
func attach(name string, br netlink.Link, a bridge.Attachment) error {
	link, err := netlink.LinkByName(name)
	for _, step := range []struct {
		verb string
		do   func() error
	}{
		{"find the tap device", func() error { return err }},
		{"set the tap device's address", func() error { return netlink.LinkSetHardwareAddr(link, highest(link.Attrs().HardwareAddr)) }},
		{"set the tap device's MTU", func() error { return netlink.LinkSetMTU(link, br.Attrs().MTU) }},
		{"put the tap device on it", func() error { return netlink.LinkSetMasterByIndex(link, br.Attrs().Index) }},
		{"bring the tap device up", func() error { return netlink.LinkSetUp(link) }},
	} {
		if err := step.do(); err != nil {
			return failed(a.Bridge, step.verb, err)
		}
	}
	return nil
}

// highest is an address that a bridge takes from none of its ports as long as one has any other: what the kernel has drawn, with
// fe:ff in front. Nothing in it is the guest's, which has a device on two hosts while it moves.
func highest(drawn net.HardwareAddr) net.HardwareAddr {
	return append(net.HardwareAddr{0xfe, 0xff}, drawn[2:]...)
}
