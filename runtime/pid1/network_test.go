package pid1

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

// ownNetwork gives the test's goroutine a network namespace.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("making a network namespace needs root")
		}
		t.Skip("making a network namespace needs root")
	}
	runtime.LockOSThread() // and never unlocked: the thread leaves with its namespace
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("make network namespace: %v", err)
	}
}

// TestRouteBatchInANamespace sends the real messages to a real kernel, in a network namespace of its
// own, and asks ip(8) what came of them.
func TestRouteBatchInANamespace(t *testing.T) {
	ownNetwork(t)
	var b routeBatch
	b.linkUp(loopback, 1400)
	b.address(loopback, netip.MustParsePrefix("10.9.8.7/24"))
	b.address(loopback, netip.MustParsePrefix("fd00::7/64"))
	b.defaultRoute(loopback, netip.MustParseAddr("10.9.8.1"))
	if err := b.send(); err != nil {
		t.Fatal(err)
	}
	got := show(t, "addr", "show", "lo") + show(t, "route")
	for _, want := range []string{"mtu 1400", "UP", "inet 10.9.8.7/24", "inet6 fd00::7/64", "default via 10.9.8.1"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	var bad routeBatch
	bad.linkUp(loopback, 0)
	bad.address(77, netip.MustParsePrefix("10.1.1.1/24"))
	if err := bad.send(); err == nil || !strings.Contains(err.Error(), "10.1.1.1/24") {
		t.Errorf("an address on no interface: %v", err)
	}
}

func show(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
	return string(out)
}

func TestFindInterface(t *testing.T) {
	sys := t.TempDir()
	for name, files := range map[string]map[string]string{
		"lo":   {"type": "772", "address": "00:00:00:00:00:00", "ifindex": "1"},
		"eth0": {"type": "1", "address": "52:54:00:00:00:01", "ifindex": "2"},
	} {
		if err := os.Mkdir(filepath.Join(sys, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for f, text := range files {
			if err := os.WriteFile(filepath.Join(sys, name, f), []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := findInterface(sys); err != nil || got != 2 {
		t.Errorf("findInterface = %d, %v; want 2", got, err)
	}
	if err := os.RemoveAll(filepath.Join(sys, "eth0")); err != nil {
		t.Fatal(err)
	}
	if _, err := findInterface(sys); err == nil {
		t.Error("an interface that is not there was found")
	}
}

func TestNameFiles(t *testing.T) {
	hosts, resolv := nameFiles("box", &hvcall.Network{Address: []string{"10.0.2.15/24"}, DNS: []string{"10.0.2.3"}})
	if !strings.Contains(hosts, "10.0.2.15 box\n") || !strings.Contains(hosts, "127.0.0.1 localhost\n") || resolv != "nameserver 10.0.2.3\n" {
		t.Errorf("hosts %q, resolv.conf %q", hosts, resolv)
	}
	if hosts, _ := nameFiles("box", nil); !strings.Contains(hosts, "127.0.0.1 box\n") {
		t.Errorf("hosts %q: a guest without a network does not find itself", hosts)
	}
}
