package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/silo-os/silo/host/vmm"
)

// portsFlag is -p, as often as it is given.
type portsFlag []vmm.Forward

// String implements pflag.Value.
func (f *portsFlag) String() string {
	var parts []string
	for _, p := range *f {
		parts = append(parts, p.String())
	}
	return strings.Join(parts, ", ")
}

// Type implements pflag.Value.
func (f *portsFlag) Type() string { return "[IP:]HOST:GUEST[/udp]" }

// Set implements pflag.Value.
func (f *portsFlag) Set(s string) error {
	p, err := parsePort(s)
	if err != nil {
		return err
	}
	*f = append(*f, p)
	return nil
}

// parsePort reads [IP:]HOST:GUEST[/tcp|/udp]; a HOST of 0 is a free port.
func parsePort(s string) (vmm.Forward, error) {
	bad := func(why string) (vmm.Forward, error) {
		return vmm.Forward{}, fmt.Errorf("%q: %s: write it like 8080:80, 0.0.0.0:8080:80 or 5353:53/udp", s, why)
	}
	addr, proto, _ := strings.Cut(s, "/")
	parts := strings.Split(addr, ":")
	var ip string
	if len(parts) == 3 {
		ip, parts = parts[0], parts[1:]
	}
	if len(parts) != 2 {
		return bad("not HOST:GUEST")
	}
	if proto != "" && proto != "tcp" && proto != "udp" {
		return bad(fmt.Sprintf("%q is not a protocol", proto))
	}
	host, err := strconv.ParseUint(parts[0], 10, 16)
	if err != nil {
		return bad(fmt.Sprintf("%q is not a port of the host", parts[0]))
	}
	guest, err := strconv.ParseUint(parts[1], 10, 16)
	if err != nil || guest == 0 {
		return bad(fmt.Sprintf("%q is not a port of the guest", parts[1]))
	}
	return vmm.Forward{HostIP: ip, HostPort: int(host), GuestPort: int(guest), Proto: proto}, nil
}

// tellChosenPorts says which ports were chosen where a free one was asked for.
func tellChosenPorts(w io.Writer, asked, got []vmm.Forward) {
	for i := range asked {
		if asked[i].HostPort == 0 && i < len(got) {
			fmt.Fprintf(w, "silo: %s\n", got[i])
		}
	}
}

// checkPorts reports the first TCP port that is in use now. Nothing is held: the machine's own start
// looks again, and at UDP ports too.
func checkPorts(ctx context.Context, ports []vmm.Forward) error {
	var lc net.ListenConfig
	for _, p := range ports {
		if p.Proto == "udp" || p.HostPort == 0 {
			continue
		}
		l, err := lc.Listen(ctx, "tcp4", p.HostAddr())
		if err != nil {
			return &vmm.PortError{Forward: p, Err: err}
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("check port %d: %w", p.HostPort, err)
		}
	}
	return nil
}
