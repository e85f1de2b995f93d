package bridge

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Form is how Parse wants an attachment written.
const Form = "bridge=NAME,ip=ADDR/BITS[,gw=ADDR][,dns=ADDR][,mac=MAC][,mtu=BYTES]"

// Parse reads and checks an attachment in Form. ip, gw and dns may be repeated. Errors: *ValueError.
func Parse(s string) (Attachment, error) {
	var a Attachment
	once := make(map[string]bool)
	for _, word := range strings.Split(s, ",") {
		key, value, ok := strings.Cut(word, "=")
		if !ok || value == "" {
			return Attachment{}, &ValueError{fmt.Sprintf("%q", word), "no NAME=VALUE", "write " + Form}
		}
		if single := key == "bridge" || key == "mac" || key == "mtu"; single && once[key] {
			return Attachment{}, &ValueError{key, "given twice", "leave one out"}
		}
		once[key] = true
		if err := a.set(key, value); err != nil {
			return Attachment{}, err
		}
	}
	if err := a.Check(); err != nil {
		return Attachment{}, err
	}
	return a, nil
}

func (a *Attachment) set(key, value string) error {
	switch key {
	case "bridge":
		a.Bridge = value
	case "mac":
		a.MAC = value
	case "mtu":
		n, err := strconv.Atoi(value)
		if err != nil || n == 0 {
			return &ValueError{"mtu", fmt.Sprintf("%q is not a number of bytes", value), "write it like mtu=1400"}
		}
		a.MTU = n
	case "ip":
		p, err := netip.ParsePrefix(value)
		if err != nil {
			return &ValueError{"ip", fmt.Sprintf("%q is not an address with the width of its net", value), "write it like 10.0.0.5/24 or fd00::5/64"}
		}
		a.Addresses = append(a.Addresses, p)
	case "gw", "dns":
		ip, err := netip.ParseAddr(value)
		if err != nil {
			return &ValueError{key, fmt.Sprintf("%q is not an address", value), "write it like 10.0.0.1 or fd00::1"}
		}
		to := &a.Gateways
		if key == "dns" {
			to = &a.DNS
		}
		*to = append(*to, ip)
	default:
		return &ValueError{key, "not a part of an attachment", "write " + Form}
	}
	return nil
}

// String writes an attachment as Parse reads it.
func (a Attachment) String() string {
	words := []string{"bridge=" + a.Bridge}
	for _, p := range a.Addresses {
		words = append(words, "ip="+p.String())
	}
	for _, g := range a.Gateways {
		words = append(words, "gw="+g.String())
	}
	for _, d := range a.DNS {
		words = append(words, "dns="+d.String())
	}
	if a.MAC != "" {
		words = append(words, "mac="+a.MAC)
	}
	if a.MTU != 0 {
		words = append(words, "mtu="+strconv.Itoa(a.MTU))
	}
	return strings.Join(words, ",")
}
