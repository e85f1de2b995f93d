package bridge

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// Attachment is a guest's place on a bridge. Bridge and one of Addresses must be given; everywhere else the zero
// value is right.
type Attachment struct {
	Bridge    string         `json:"bridge"`             // name of a bridge of the host
	MAC       string         `json:"mac,omitempty"`      // "" = made of the first address
	Addresses []netip.Prefix `json:"addresses"`          // the guest's, with the width of their net
	Gateways  []netip.Addr   `json:"gateways,omitempty"` // at most one of each family
	DNS       []netip.Addr   `json:"dns,omitempty"`
	MTU       int            `json:"mtu,omitempty"` // bytes; 0 = DefaultMTU
}

// DefaultMTU is Ethernet's, bytes.
const DefaultMTU = 1500

// ValueError says what is wrong with an attachment, without a look at the machine.
type ValueError struct {
	Field string // as Parse has it, for example "gw"
	Cause string
	Fix   string
}

// Error implements error.
func (e *ValueError) Error() string { return e.Field + ": " + e.Cause + ": " + e.Fix }

// HardwareAddr is the guest's Ethernet address in lower case: the chosen one, or one that is made of its first IP address,
// marked as locally administered (IEEE 802, bit 1 of the first byte).
func (a Attachment) HardwareAddr() string {
	if hw, err := net.ParseMAC(a.MAC); err == nil {
		return hw.String()
	}
	if len(a.Addresses) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte("silo ethernet address of " + a.Addresses[0].Addr().Unmap().String()))
	hw := net.HardwareAddr(sum[:6])
	hw[0] = 2
	return hw.String()
}

// Frame is the largest packet that the guest sends, bytes.
func (a Attachment) Frame() int {
	if a.MTU == 0 {
		return DefaultMTU
	}
	return a.MTU
}

// Check returns nil or a *ValueError.
func (a Attachment) Check() error {
	for _, check := range []func() *ValueError{a.checkBridge, a.checkMAC, a.checkMTU, a.checkAddresses, a.checkGateways, a.checkDNS} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// maxName is what Linux takes as the name of an interface, bytes.
const maxName = 15

func (a Attachment) checkBridge() *ValueError {
	bad := func(r rune) bool {
		return r == '/' || r == ',' || r == ':' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}
	switch {
	case a.Bridge == "":
		return &ValueError{"bridge", "none is named", "add bridge=NAME; ip link show type bridge lists those there are"}
	case len(a.Bridge) > maxName || strings.ContainsFunc(a.Bridge, bad) || a.Bridge == "." || a.Bridge == "..":
		return &ValueError{"bridge", fmt.Sprintf("%q is not a name of an interface", a.Bridge), "ip link show type bridge lists the bridges"}
	}
	return nil
}

func (a Attachment) checkMAC() *ValueError {
	if a.MAC == "" {
		return nil
	}
	hw, err := net.ParseMAC(a.MAC)
	const fix = "write one like 02:00:00:00:00:05, or leave it out"
	switch {
	case err != nil || len(hw) != 6:
		return &ValueError{"mac", fmt.Sprintf("%q is not an Ethernet address", a.MAC), fix}
	case hw[0]&1 != 0 || slices.Max(hw) == 0:
		return &ValueError{"mac", a.MAC + " is not the address of one station", fix}
	}
	return nil
}

// Limits of Attachment.MTU: IPv6 needs the first, Ethernet devices of Linux take no more than the second.
const (
	minMTU = 1280
	maxMTU = 65535
)

func (a Attachment) checkMTU() *ValueError {
	if a.MTU != 0 && (a.MTU < minMTU || a.MTU > maxMTU) {
		return &ValueError{"mtu", fmt.Sprintf("%d bytes", a.MTU), fmt.Sprintf("use %d to %d, or leave it out for %d", minMTU, maxMTU, DefaultMTU)}
	}
	return nil
}

func (a Attachment) checkAddresses() *ValueError {
	if len(a.Addresses) == 0 {
		return &ValueError{"ip", "the guest has no address", "add ip=ADDRESS/BITS, such as ip=10.0.0.5/24"}
	}
	seen := make(map[netip.Addr]bool)
	for _, p := range a.Addresses {
		if err := checkAddress(p); err != nil {
			return err
		}
		if seen[p.Addr()] {
			return &ValueError{"ip", p.Addr().String() + " is there twice", "leave one out"}
		}
		seen[p.Addr()] = true
	}
	return nil
}

func checkAddress(p netip.Prefix) *ValueError {
	ip := p.Addr()
	switch {
	case !p.IsValid() || ip.Zone() != "" || ip.Is4In6():
		return &ValueError{"ip", fmt.Sprintf("%q is not an address with the width of its net", p), "write it like 10.0.0.5/24 or fd00::5/64"}
	case ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback():
		return &ValueError{"ip", ip.String() + " is not the address of one station", "use one of the bridge's net"}
	case ip.Is4() && p.Bits() < 31 && ip == p.Masked().Addr():
		return &ValueError{"ip", ip.String() + " is the net " + p.Masked().String() + " itself", "use an address in it"}
	case ip.Is4() && p.Bits() < 31 && ip == last(p):
		return &ValueError{"ip", ip.String() + " is the broadcast address of " + p.Masked().String(), "use another address in it"}
	}
	return nil
}

// last is the highest address of an IPv4 net.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

func (a Attachment) checkGateways() *ValueError {
	families := make(map[bool]netip.Addr)
	for _, gw := range a.Gateways {
		if !gw.IsValid() || gw.Zone() != "" || gw.Is4In6() || gw.IsUnspecified() || gw.IsMulticast() || gw.IsLoopback() {
			return &ValueError{"gw", fmt.Sprintf("%q is not the address of a gateway", gw), "write it like gw=10.0.0.1"}
		}
		if first, twice := families[gw.Is4()]; twice {
			return &ValueError{"gw", fmt.Sprintf("%s and %s are of one family", first, gw), "leave one out"}
		}
		families[gw.Is4()] = gw
		if err := a.reaches(gw); err != nil {
			return err
		}
	}
	return nil
}

// reaches says whether the guest can send to a gateway: it is a neighbour.
func (a Attachment) reaches(gw netip.Addr) *ValueError {
	var nets []string
	for _, p := range a.Addresses {
		if p.Addr() == gw {
			return &ValueError{"gw", gw.String() + " is the guest's own address", "give the gateway's address on the bridge, or leave gw out"}
		}
		if p.Contains(gw) {
			return nil
		}
		nets = append(nets, p.Masked().String())
	}
	if gw.Is6() && gw.IsLinkLocalUnicast() {
		return nil
	}
	return &ValueError{"gw", fmt.Sprintf("%s is outside of the guest's net %s", gw, strings.Join(nets, " and ")),
		"give a gateway in it, or widen the net of ip=ADDRESS/BITS"}
}

func (a Attachment) checkDNS() *ValueError {
	for _, d := range a.DNS {
		if !d.IsValid() || d.IsUnspecified() || d.IsMulticast() {
			return &ValueError{"dns", fmt.Sprintf("%q is not the address of a server", d), "write it like dns=10.0.0.1"}
		}
	}
	return nil
}

// Clash says which address two guests would share, "" if none: on one bridge each must be the only one's.
func (a Attachment) Clash(b Attachment) string {
	if a.Bridge != b.Bridge {
		return ""
	}
	for _, p := range a.Addresses {
		if slices.ContainsFunc(b.Addresses, func(q netip.Prefix) bool { return p.Addr() == q.Addr() }) {
			return p.Addr().String()
		}
	}
	if a.HardwareAddr() == b.HardwareAddr() {
		return a.HardwareAddr()
	}
	return ""
}
