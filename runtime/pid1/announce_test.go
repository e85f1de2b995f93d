package pid1

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAnnounce gives an interface of a namespace its addresses and announces it, and looks at what comes out of the other end of
// its wire: the Ethernet address, told for each IP address.
func TestAnnounce(t *testing.T) {
	ownNetwork(t)
	do := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	do("link add near type veth peer name far")
	do("link set far up")
	near, err := net.InterfaceByName("near")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFiles(announceOn); err != nil {
		t.Fatal(err)
	}
	const mac = "02:00:00:00:00:05"
	var batch routeBatch
	if err := batch.linkAddress(near.Index, mac); err != nil {
		t.Fatal(err)
	}
	batch.linkUp(near.Index, 0)
	batch.address(near.Index, netip.MustParsePrefix("10.9.8.7/24"))
	batch.address(near.Index, netip.MustParsePrefix("fd00::7/64"))
	if err := batch.send(); err != nil {
		t.Fatal(err)
	}
	hw, err := net.ParseMAC(mac)
	if err != nil {
		t.Fatal(err)
	}
	seen := listen(t, "far")
	if err := announceAt(near.Index, mac); err != nil {
		t.Fatal(err)
	}
	v4, v6 := net.ParseIP("10.9.8.7").To4(), net.ParseIP("fd00::7")
	var arp, na bool
	for end := time.Now().Add(10 * time.Second); !arp || !na; {
		frame := seen(end)
		if frame == nil {
			t.Fatalf("announced by ARP: %v, by neighbour advertisement: %v", arp, na)
		}
		// A gratuitous ARP names the sender as the one it asks for; the advertisement (ICMPv6 136) has it as its target.
		arp = arp || isARP(frame, hw, v4)
		na = na || len(frame) >= 78 && frame[20] == unix.IPPROTO_ICMPV6 && frame[54] == 136 && bytes.Equal(frame[62:78], v6) && bytes.Equal(frame[6:12], hw)
	}
	if err := announceAt(near.Index, "no address"); err == nil {
		t.Error("announced under no address")
	}
}

func isARP(frame []byte, hw net.HardwareAddr, ip net.IP) bool {
	return len(frame) >= 42 && bytes.Equal(frame[12:14], []byte{8, 6}) &&
		bytes.Equal(frame[22:28], hw) && bytes.Equal(frame[28:32], ip) && bytes.Equal(frame[38:42], ip)
}

// listen returns what reads the next frame that reaches an interface; nil = none came in time.
func listen(t *testing.T, name string) func(end time.Time) []byte {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return func(end time.Time) []byte {
		tv := unix.NsecToTimeval(max(1000, time.Until(end).Nanoseconds()))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
			t.Fatal(err)
		}
		frame := make([]byte, 2048)
		for {
			n, _, err := unix.Recvfrom(fd, frame, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return nil
			}
			return frame[:n]
		}
	}
}
