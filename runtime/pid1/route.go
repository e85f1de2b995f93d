package pid1

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
)

// routeBatch collects requests to the kernel's routing socket and sends them in one piece. A general
// netlink library does the same in thirty times the instructions, each of which an emulated guest
// translates at every boot.
type routeBatch struct {
	buf  []byte
	what []string // what request seq-1 was about, for its error
}

// request appends one message; body and attributes follow its header.
func (r *routeBatch) request(kind, flags uint16, what string, body []byte, attrs ...[]byte) {
	r.what = append(r.what, what)
	size := linux.NetlinkMessageHeaderSize + len(body)
	for _, a := range attrs {
		size += len(a)
	}
	h := linux.NetlinkMessageHeader{Length: uint32(size), Type: kind, Seq: uint32(len(r.what)),
		Flags: linux.NLM_F_REQUEST | linux.NLM_F_ACK | flags}
	r.buf = append(r.buf, marshal(&h)...)
	r.buf = append(r.buf, body...)
	for _, a := range attrs {
		r.buf = append(r.buf, a...)
	}
}

// marshaler is what gVisor's definitions implement.
type marshaler interface {
	SizeBytes() int
	MarshalUnsafe([]byte) []byte
}

func marshal(m marshaler) []byte {
	b := make([]byte, m.SizeBytes())
	m.MarshalUnsafe(b)
	return b
}

// attribute is one attribute, padded as netlink wants it.
func attribute(kind uint16, value []byte) []byte {
	h := linux.RtAttr{Len: uint16(linux.SizeOfRtAttr + len(value)), Type: kind}
	b := append(marshal(&h), value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// linkUp brings an interface up, with another MTU if that is not 0.
func (r *routeBatch) linkUp(index, mtu int) {
	var attrs [][]byte
	if mtu > 0 {
		attrs = append(attrs, attribute(linux.IFLA_MTU, binary.NativeEndian.AppendUint32(nil, uint32(mtu))))
	}
	m := linux.InterfaceInfoMessage{Index: int32(index), Flags: linux.IFF_UP, Change: linux.IFF_UP}
	r.request(linux.RTM_NEWLINK, 0, fmt.Sprintf("bring up interface %d", index), marshal(&m), attrs...)
}

// linkAddress gives an interface its Ethernet address; "" leaves it as it is.
func (r *routeBatch) linkAddress(index int, mac string) error {
	if mac == "" {
		return nil
	}
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return fmt.Errorf("parse Ethernet address: %w", err)
	}
	m := linux.InterfaceInfoMessage{Index: int32(index)}
	r.request(linux.RTM_NEWLINK, 0, fmt.Sprintf("give interface %d the address %s", index, mac), marshal(&m), attribute(linux.IFLA_ADDRESS, hw))
	return nil
}

// ifaNoDAD skips duplicate address detection, for which an IPv6 address would be unusable for a second:
// the host gives each address once.
const ifaNoDAD = 0x02

func (r *routeBatch) address(index int, p netip.Prefix) {
	ip := p.Addr().AsSlice()
	m := linux.InterfaceAddrMessage{Family: family(p.Addr()), PrefixLen: uint8(p.Bits()), Index: uint32(index)}
	if p.Addr().Is6() {
		m.Flags = ifaNoDAD
	}
	r.request(linux.RTM_NEWADDR, linux.NLM_F_CREATE, "add address "+p.String(), marshal(&m),
		attribute(linux.IFA_LOCAL, ip), attribute(linux.IFA_ADDRESS, ip))
}

func (r *routeBatch) defaultRoute(index int, gateway netip.Addr) {
	m := linux.RouteMessage{Family: family(gateway), Table: unix.RT_TABLE_MAIN, Protocol: linux.RTPROT_BOOT, Type: linux.RTN_UNICAST}
	r.request(linux.RTM_NEWROUTE, linux.NLM_F_CREATE, "add route by "+gateway.String(), marshal(&m),
		attribute(unix.RTA_GATEWAY, gateway.AsSlice()),
		attribute(unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, uint32(index))))
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// send carries the requests out in order and returns the first refusal.
func (r *routeBatch) send() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open routing socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, r.buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to routing socket: %w", err)
	}
	buf := make([]byte, 8<<10)
	for answered := 0; answered < len(r.what); {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return fmt.Errorf("read routing socket: %w", err)
		}
		k, err := r.answers(buf[:n])
		if err != nil {
			return err
		}
		answered += k
	}
	return nil
}

// answers reads acknowledgements: how many, and the first that is a refusal.
func (r *routeBatch) answers(b []byte) (n int, err error) {
	for len(b) >= linux.NetlinkMessageHeaderSize {
		var h linux.NetlinkMessageHeader
		h.UnmarshalUnsafe(b)
		if int(h.Length) < linux.NetlinkMessageHeaderSize+4 || int(h.Length) > len(b) || h.Seq == 0 || int(h.Seq) > len(r.what) {
			return n, fmt.Errorf("read routing socket: malformed answer of %d bytes", h.Length)
		}
		if h.Type == linux.NLMSG_ERROR {
			n++
			if code := int32(binary.NativeEndian.Uint32(b[linux.NetlinkMessageHeaderSize:])); code != 0 {
				return n, fmt.Errorf("%s: %w", r.what[h.Seq-1], unix.Errno(-code))
			}
		}
		b = b[min(len(b), (int(h.Length)+3)&^3):]
	}
	return n, nil
}
