package pid1

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/silo-os/silo/hvcall"
)

func TestStaticNetwork(t *testing.T) {
	for word, want := range map[string]*hvcall.Network{
		"quiet":                nil,
		"silo.ip=10.0.2.15/24": {Address: []string{"10.0.2.15/24"}},
		"silo.ip=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3,dns=9.9.9.9": {Address: []string{"10.0.2.15/24"}, Gateway: []string{"10.0.2.2"}, DNS: []string{"10.0.2.3", "9.9.9.9"}},
		"silo.ip=10.0.0.5/24,ip=fd00::5/64,gw=fd00::1":              {Address: []string{"10.0.0.5/24", "fd00::5/64"}, Gateway: []string{"fd00::1"}},
	} {
		got, err := staticNetwork([]string{"silo.alone", word, "last"})
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", word, err, d)
		}
	}
	for _, bad := range []string{"", "10.0.2.15", "10.0.2.15/99", "10.0.2.15/24,gw=x", "10.0.2.15/24,dns=", "10.0.2.15/24,mtu=9000", "10.0.2.15/24,"} {
		if n, err := parseStatic(bad); err == nil {
			t.Errorf("%q was taken for %+v", bad, n)
		}
	}
}

// FuzzParseStatic: what is accepted is what the kernel can be given.
func FuzzParseStatic(f *testing.F) {
	f.Add("10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseStatic(s)
		if err != nil {
			return
		}
		for _, a := range n.Address {
			if _, err := netip.ParsePrefix(a); err != nil {
				t.Errorf("%q: address %q", s, a)
			}
		}
		for _, a := range append(n.Gateway, n.DNS...) {
			if _, err := netip.ParseAddr(a); err != nil {
				t.Errorf("%q: %q", s, a)
			}
		}
	})
}
