package vmm

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
)

func TestClaimPorts(t *testing.T) {
	claimed, err := claimPorts(t.Context(), []Forward{{GuestPort: 80}, {GuestPort: 81}, {GuestPort: 53, Proto: "udp"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range claimed {
		if f.HostPort == 0 || f.HostIP != "127.0.0.1" {
			t.Errorf("claimed %v", f)
		}
	}
	if claimed[0].HostPort == claimed[1].HostPort {
		t.Error("the same free port twice")
	}
	if _, err := claimPorts(t.Context(), claimed); err != nil {
		t.Errorf("ports are still held: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for _, f := range []Forward{
		{HostPort: tcp.Addr().(*net.TCPAddr).Port, GuestPort: 80},
		{HostIP: "0.0.0.0", HostPort: tcp.Addr().(*net.TCPAddr).Port, GuestPort: 80},
		{HostPort: udp.LocalAddr().(*net.UDPAddr).Port, GuestPort: 80, Proto: "udp"},
	} {
		_, err := claimPorts(t.Context(), []Forward{f})
		var taken *PortError
		if !errors.As(err, &taken) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%v: %v, want a *PortError for an address in use", f, err)
			continue
		}
		for _, want := range []string{f.HostAddr(), "address already in use", "-p HOST:GUEST"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v lacks %q", err, want)
			}
		}
	}
}

// Forwards that are each free but exclude each other.
func TestPortsExclude(t *testing.T) {
	free, err := claimPorts(t.Context(), []Forward{{GuestPort: 80}})
	if err != nil {
		t.Fatal(err)
	}
	both := []Forward{free[0], {HostIP: "0.0.0.0", HostPort: free[0].HostPort, GuestPort: 81}}
	if _, err := claimPorts(t.Context(), both); !errors.As(err, new(*PortError)) {
		t.Errorf("err = %v, want a *PortError", err)
	}
}
