package pid1

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/silo-os/silo/hvcall"
)

// networkWord on the kernel's command line begins the network of a machine without a host: behind it ADDR/BITS, and by commas
// ip=ADDR/BITS, gw=ADDR and dns=ADDR, each as often as there is one.
const networkWord = "silo.ip="

// staticNetwork finds networkWord among the words of a command line; nil = it is not there.
func staticNetwork(words []string) (*hvcall.Network, error) {
	for _, w := range words {
		if value, ok := strings.CutPrefix(w, networkWord); ok {
			return parseStatic(value)
		}
	}
	return nil, nil
}

func parseStatic(s string) (*hvcall.Network, error) {
	var n hvcall.Network
	for item := range strings.SplitSeq("ip="+s, ",") {
		key, value, _ := strings.Cut(item, "=")
		var err error
		switch key {
		case "ip":
			_, err = netip.ParsePrefix(value)
			n.Address = append(n.Address, value)
		case "gw":
			_, err = netip.ParseAddr(value)
			n.Gateway = append(n.Gateway, value)
		case "dns":
			_, err = netip.ParseAddr(value)
			n.DNS = append(n.DNS, value)
		default:
			err = fmt.Errorf("%q is none of ip, gw and dns", key)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s%s on the kernel's command line: %w", networkWord, s, err)
		}
	}
	return &n, nil
}
