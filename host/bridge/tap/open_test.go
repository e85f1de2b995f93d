package tap_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/bridge/tap"
	"github.com/silo-os/silo/internal/nettest"
)

func attachment(t *testing.T, s string) bridge.Attachment {
	t.Helper()
	a, err := bridge.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// taps are the devices on host A.
func taps(t *testing.T, n *nettest.Net) []string {
	t.Helper()
	names, err := n.A.Taps("silo")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestOpen(t *testing.T) {
	n := nettest.New(t)
	a := attachment(t, "bridge=br0,ip=10.77.0.40/24,mac=02:00:00:00:00:01")
	n.A.Do(func() {
		before, err := netlink.LinkByName("br0")
		if err != nil {
			t.Error(err)
			return
		}
		if err := tap.Check(a); err != nil {
			t.Error(err)
		}
		f, err := tap.Open(a)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		link, err := netlink.LinkByName("silo0")
		if err != nil {
			t.Error(err)
			return
		}
		is, br := link.Attrs(), before.Attrs()
		if is.MasterIndex != br.Index || is.MTU != br.MTU || !bytes.HasPrefix(is.HardwareAddr, []byte{0xfe, 0xff}) || is.Flags&net.FlagUp == 0 {
			t.Errorf("tap is %+v", is)
		}
		if after, err := netlink.LinkByName("br0"); err != nil || after.Attrs().HardwareAddr.String() != br.HardwareAddr.String() {
			t.Errorf("the bridge has another address: %v, was %v, %v", after.Attrs().HardwareAddr, br.HardwareAddr, err)
		}
	})
	if left := taps(t, n); len(left) > 0 {
		t.Errorf("left after closing: %q", left)
	}
}

// TestOnTwoHosts: while a guest moves, both hosts have a device for it, and they still reach one another, also where a bridge's
// port has as high an address as veth may draw.
func TestOnTwoHosts(t *testing.T) {
	n := nettest.New(t)
	a := attachment(t, "bridge=br0,ip=10.77.0.40/24,mac=02:00:00:00:00:01")
	var l net.Listener
	n.B.Do(func() {
		wire, err := netlink.LinkByName("to-a")
		if err == nil {
			err = netlink.LinkSetHardwareAddr(wire, net.HardwareAddr{0xfe, 0xfe, 0, 0, 0, 1})
		}
		if err == nil {
			l, err = net.Listen("tcp", n.B.IP+":80")
		}
		if err != nil {
			t.Error(err)
		}
	})
	for _, h := range []*nettest.Host{n.A, n.B} {
		h.Do(func() {
			f, err := tap.Open(a)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { f.Close() })
		})
	}
	if t.Failed() {
		return
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := n.A.Dial(ctx, "tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("the hosts do not reach one another: %v", err)
	}
	conn.Close()
}

// TestGoesWithItsHolder: whoever inherited the device takes it along, also when it is killed and who made it is gone.
func TestGoesWithItsHolder(t *testing.T) {
	n := nettest.New(t)
	holder := exec.Command("sleep", "600")
	n.A.Do(func() {
		f, err := tap.Open(attachment(t, "bridge=br0,ip=10.77.0.40/24"))
		if err != nil {
			t.Error(err)
			return
		}
		holder.ExtraFiles = []*os.File{f}
		if err := holder.Start(); err != nil {
			t.Error(err)
		}
		f.Close()
	})
	if t.Failed() {
		return
	}
	if got := taps(t, n); len(got) != 1 {
		t.Errorf("taps %q, want one", got)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	for end := time.Now().Add(10 * time.Second); len(taps(t, n)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left: %q", taps(t, n))
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	n := nettest.New(t)
	set := func(f func(netlink.Link) error) {
		n.A.Do(func() {
			br, err := netlink.LinkByName("br0")
			if err == nil {
				err = f(br)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []struct {
		name, attachment, want string
		prepare, undo          func(netlink.Link) error
		cause                  error
	}{
		{name: "absent", attachment: "bridge=br7,ip=10.77.0.40/24",
			want: "attach to bridge br7: there is no such bridge on this host: make it with: ip link add br7 type bridge && ip link set br7 up"},
		{name: "no bridge", attachment: "bridge=to-b,ip=10.77.0.40/24",
			want: "attach to bridge to-b: it is no bridge but of type veth: name a bridge"},
		{name: "down", attachment: "bridge=br0,ip=10.77.0.40/24", prepare: netlink.LinkSetDown, undo: netlink.LinkSetUp,
			want: "it is down: bring it up with: ip link set br0 up"},
		{name: "too small", attachment: "bridge=br0,ip=10.77.0.40/24,mtu=9000",
			want: "it carries packets of 1500 bytes and the guest would send 9000: add mtu=1500"},
		{name: "no right", attachment: "bridge=br0,ip=10.77.0.40/24", cause: syscall.EPERM,
			want: "no right to make a tap device: run as root, or with CAP_NET_ADMIN and access to /dev/net/tun"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.prepare != nil {
				set(c.prepare)
				defer set(c.undo)
			}
			n.A.Do(func() {
				if c.cause != nil {
					dropNetAdmin(t)
				}
				if err := tap.Check(attachment(t, c.attachment)); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Check: %v, want %q", err, c.want)
				}
				f, err := tap.Open(attachment(t, c.attachment))
				if err == nil {
					f.Close()
				}
				var refusal *tap.Error
				if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) || c.cause != nil && !errors.Is(err, c.cause) {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
			if left := taps(t, n); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// dropNetAdmin takes the capability from the calling thread alone, which must end with the test.
func dropNetAdmin(t *testing.T) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	if err == nil {
		data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		err = unix.Capset(&header, &data[0])
	}
	if err != nil {
		t.Error(err)
	}
}
