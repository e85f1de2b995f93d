package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/nettest"
)

// onBridge is the network of a guest on host A, in both families.
const onBridge = "bridge=br0,ip=10.77.0.40/24,ip=fd77::40/64,gw=10.77.0.2"

var itsAddresses = []string{"10.77.0.40", "fd77::40"}

// TestBridge boots examples/hello on a bridge. A client in another namespace reaches it at its addresses; the guest that takes its
// place under another Ethernet address is known there before the client has sent anything. Killed in whatever way, none leaves its
// device.
func TestBridge(t *testing.T) {
	t.Parallel()
	appImage(t)
	n := nettest.New(t)
	hello, err := images.Build(context.Background(), images.Config{Package: "../../examples/hello"})
	if err != nil {
		t.Fatal(err)
	}
	accel, err := vmm.ProbeAccel(t.Context(), vmm.ProbeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"SILO_CACHE=" + t.TempDir(), "SILO_ACCEL=" + accel}
	run := func(network string, flags ...string) *proc {
		t.Helper()
		p := siloBy(t, n.A.Start, env, append([]string{"run", "--alone", "--verbose", "--memory", "64M:1G", hello.Dir, "--net", network}, flags...)...)
		p.await(&p.out, "hello: serving on")
		return p
	}
	p := run(onBridge)
	for _, ip := range itsAddresses {
		if body := get(t, n.Client, ip); !strings.HasPrefix(body, `hello from "hello"`) {
			t.Errorf("%s answers %q", ip, body)
		}
	}
	first := known(t, n.Client)
	if hw, err := net.ParseMAC(first[0]); err != nil || hw[0] != 2 || first[0] != first[1] {
		t.Errorf("the guest is known as %q, %v", first, err)
	}
	if got := devices(t, n.A); len(got) != 1 {
		t.Errorf("devices %q, want one", got)
	}
	p.signal(syscall.SIGKILL)
	p.code()
	noDevice(t, n.A)

	// QEMU itself has guests announced that go on from a saved state, but not those that boot.
	for mac, kind := range map[string]struct{ template, told string }{
		"02:00:00:00:00:98": {"off", "from_template=false"},
		"02:00:00:00:00:99": {"auto", "from_template=true"},
	} {
		p := run(onBridge+",mac="+mac, "--template", kind.template)
		if got := known(t, n.Client); got[0] != mac || got[1] != mac {
			t.Errorf("%s: after the start of %s the guest is known as %q", kind.told, mac, got)
		}
		if body := get(t, n.Client, itsAddresses[0]); !strings.HasPrefix(body, "hello from") {
			t.Errorf("answer %q", body)
		}
		p.signal(os.Interrupt)
		p.wants(0, kind.told)
		noDevice(t, n.A)
	}
}

// TestBridgeOnNode: a guest of a node stays on its bridge while the node is killed and started again, shows where it is,
// and keeps others from its address.
func TestBridgeOnNode(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	n := nettest.New(t)
	env, start := testNodeBy(t, n.A.Start)
	node := start()
	silo(t, env, "run", "-d", image, "--name", "web", "--net", onBridge, "--", "serve").wants(0)
	p := silo(t, env, "inspect", "web")
	p.wants(0)
	var g nodeapi.Guest
	if err := json.Unmarshal([]byte(p.out.String()), &g); err != nil || g.Spec.Bridge == nil || g.Spec.Bridge.Bridge != "br0" || len(g.Spec.Bridge.Addresses) != 2 {
		t.Fatalf("%v, shown:\n%s", err, p.out.String())
	}
	silo(t, env, "run", "-d", image, "--name", "second", "--net", "bridge=br0,ip=10.77.0.40/16").wants(125,
		"10.77.0.40 on br0 is the address of guest web: choose another address, or end it first with: silo stop web")
	silo(t, env, "run", "-d", image, "--net", "bridge=br9,ip=10.77.0.41/24").wants(125, "attach to bridge br9: there is no such bridge on this host")
	if body := get(t, n.Client, itsAddresses[0]); body != "served\n" {
		t.Errorf("answer %q", body)
	}
	if got := known(t, n.Client); got[0] != g.Spec.Bridge.MAC {
		t.Errorf("the guest is known as %q, shown as %q", got[0], g.Spec.Bridge.MAC)
	}
	conn := dial(t, n.Client, itsAddresses[0])
	ask(t, conn)
	node.signal(syscall.SIGKILL)
	node.code()
	ask(t, conn)
	start()
	ask(t, conn)
	p = silo(t, env, "ps")
	p.wants(0)
	if !strings.Contains(p.out.String(), "10.77.0.40 fd77::40 on br0") {
		t.Errorf("ps printed:\n%s", p.out.String())
	}
	if got := devices(t, n.A); len(got) != 1 {
		t.Errorf("devices %q, want one", got)
	}
	silo(t, env, "kill", "web").wants(0)
	noDevice(t, n.A)
}

func dial(t *testing.T, from *nettest.Host, ip string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		conn, err := from.Dial(ctx, "tcp", net.JoinHostPort(ip, "8080"))
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not answer: %v", ip, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get is what a guest's web server answers.
func get(t *testing.T, from *nettest.Host, ip string) string {
	t.Helper()
	return ask(t, dial(t, from, ip))
}

// ask makes one request on a connection that stays.
func ask(t *testing.T, conn net.Conn) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: guest\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body strings.Builder
	if err := resp.Write(&body); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(body.String(), "\r\n\r\n")
	return text
}

// known are the Ethernet addresses under which a host knows the guest's addresses, in their order.
func known(t *testing.T, from *nettest.Host) []string {
	t.Helper()
	found := make([]string, len(itsAddresses))
	from.Do(func() {
		neighbours, err := netlink.NeighList(0, 0)
		if err != nil {
			t.Error(err)
		}
		for _, n := range neighbours {
			for i, ip := range itsAddresses {
				if n.IP.String() == ip {
					found[i] = n.HardwareAddr.String()
				}
			}
		}
	})
	return found
}

func devices(t *testing.T, on *nettest.Host) []string {
	t.Helper()
	names, err := on.Taps("silo")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// noDevice waits until no guest's device is left, which is when QEMU has ended.
func noDevice(t *testing.T, on *nettest.Host) {
	t.Helper()
	for end := time.Now().Add(patience); len(devices(t, on)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left: %q", devices(t, on))
		}
	}
}
