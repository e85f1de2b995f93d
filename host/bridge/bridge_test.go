package bridge_test

import (
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/silo-os/silo/host/bridge"
)

var equal = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

func TestParse(t *testing.T) {
	got, err := bridge.Parse("bridge=br0,ip=10.0.0.5/24,ip=fd00::5/64,gw=10.0.0.1,gw=fe80::1,dns=1.1.1.1,mac=02:00:00:00:00:0A,mtu=1400")
	want := bridge.Attachment{
		Bridge: "br0", MAC: "02:00:00:00:00:0A", MTU: 1400,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24"), netip.MustParsePrefix("fd00::5/64")},
		Gateways:  []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1")},
		DNS:       []netip.Addr{netip.MustParseAddr("1.1.1.1")},
	}
	if diff := cmp.Diff(want, got, equal); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if hw := got.HardwareAddr(); hw != "02:00:00:00:00:0a" {
		t.Errorf("hardware address %s", hw)
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                                     `"": no NAME=VALUE: write bridge=NAME`,
		"br0":                                                  `"br0": no NAME=VALUE`,
		"ip=10.0.0.5/24":                                       "bridge: none is named: add bridge=NAME",
		"bridge=br0":                                           "ip: the guest has no address: add ip=ADDRESS/BITS",
		"bridge=br0,bridge=br1,ip=10.0.0.5/24":                 "bridge: given twice",
		"bridge=a/b,ip=10.0.0.5/24":                            `"a/b" is not a name of an interface`,
		"bridge=a123456789012345,ip=10.0.0.5/8":                "is not a name of an interface",
		"bridge=br0,ip=10.0.0.5":                               `ip: "10.0.0.5" is not an address with the width of its net: write it like 10.0.0.5/24`,
		"bridge=br0,ip=nonsense/24":                            `ip: "nonsense/24" is not an address`,
		"bridge=br0,ip=10.0.0.0/24":                            "10.0.0.0 is the net 10.0.0.0/24 itself",
		"bridge=br0,ip=10.0.1.255/23":                          "10.0.1.255 is the broadcast address of 10.0.0.0/23",
		"bridge=br0,ip=224.0.0.1/24":                           "224.0.0.1 is not the address of one station",
		"bridge=br0,ip=127.0.0.1/8":                            "127.0.0.1 is not the address of one station",
		"bridge=br0,ip=::ffff:10.0.0.5/120":                    "is not an address with the width of its net",
		"bridge=br0,ip=10.0.0.5/24,ip=10.0.0.5/16":             "10.0.0.5 is there twice",
		"bridge=br0,ip=10.0.0.5/24,gw=10.0.1.1":                "gw: 10.0.1.1 is outside of the guest's net 10.0.0.0/24: give a gateway in it, or widen",
		"bridge=br0,ip=10.0.0.5/24,gw=fd00::1":                 "fd00::1 is outside of the guest's net",
		"bridge=br0,ip=10.0.0.5/24,gw=10.0.0.5":                "10.0.0.5 is the guest's own address",
		"bridge=br0,ip=10.0.0.5/24,gw=10.0.0.1,gw=10.0.0.2":    "10.0.0.1 and 10.0.0.2 are of one family",
		"bridge=br0,ip=10.0.0.5/24,gw=router":                  `gw: "router" is not an address`,
		"bridge=br0,ip=10.0.0.5/24,dns=0.0.0.0":                `dns: "0.0.0.0" is not the address of a server`,
		"bridge=br0,ip=10.0.0.5/24,mac=1":                      `mac: "1" is not an Ethernet address: write one like 02:`,
		"bridge=br0,ip=10.0.0.5/24,mac=01:00:5e:00:00:01":      "01:00:5e:00:00:01 is not the address of one station",
		"bridge=br0,ip=10.0.0.5/24,mac=00:00:00:00:00:00":      "is not the address of one station",
		"bridge=br0,ip=10.0.0.5/24,mac=02:00:00:00:00:00:00:1": "is not an Ethernet address",
		"bridge=br0,ip=10.0.0.5/24,mtu=576":                    "mtu: 576 bytes: use 1280 to 65535",
		"bridge=br0,ip=10.0.0.5/24,mtu=big":                    `"big" is not a number of bytes`,
		"bridge=br0,ip=10.0.0.5/24,vlan=3":                     "vlan: not a part of an attachment: write bridge=NAME",
	} {
		if a, err := bridge.Parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want an error with %q", in, a, err, want)
		}
	}
}

// attachment draws one that holds.
func attachment(t *rapid.T) bridge.Attachment {
	a := bridge.Attachment{Bridge: rapid.StringMatching(`[a-z][a-z0-9.-]{0,14}`).Draw(t, "bridge")}
	host := rapid.IntRange(2, 250).Draw(t, "host")
	a.Addresses = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "net")), 0, byte(host)}), 24)}
	if rapid.Bool().Draw(t, "gateway") {
		a.Gateways = []netip.Addr{a.Addresses[0].Masked().Addr().Next()}
	}
	if rapid.Bool().Draw(t, "mac") {
		a.MAC = net.HardwareAddr{2, 0, 0, 0, 0, byte(host)}.String()
	}
	a.MTU = rapid.SampledFrom([]int{0, 1280, 1500, 9000}).Draw(t, "mtu")
	return a
}

// What is written is read again, as text and as JSON, and each guest has an address of one station that stays.
func TestAttachment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := attachment(t)
		read, err := bridge.Parse(a.String())
		if diff := cmp.Diff(a, read, equal); diff != "" || err != nil {
			t.Fatalf("%s: %v, -want +got:\n%s", a, err, diff)
		}
		var stored bridge.Attachment
		b, err := json.Marshal(a)
		if err == nil {
			err = json.Unmarshal(b, &stored)
		}
		if diff := cmp.Diff(a, stored, equal); diff != "" || err != nil {
			t.Fatalf("%s: %v, -want +got:\n%s", b, err, diff)
		}
		hw, err := net.ParseMAC(a.HardwareAddr())
		if err != nil || len(hw) != 6 || hw[0]&3 != 2 || a.HardwareAddr() != stored.HardwareAddr() {
			t.Fatalf("hardware address %v, %v", hw, err)
		}
	})
}

// Two guests clash exactly if they are on one bridge and share an address of either kind.
func TestClash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := attachment(t), attachment(t)
		b.Bridge = rapid.SampledFrom([]string{a.Bridge, "other"}).Draw(t, "same")
		want := ""
		switch {
		case a.Bridge != b.Bridge:
		case a.Addresses[0].Addr() == b.Addresses[0].Addr():
			want = a.Addresses[0].Addr().String()
		case a.HardwareAddr() == b.HardwareAddr():
			want = a.HardwareAddr()
		}
		if a.Clash(b) != want || b.Clash(a) != want {
			t.Fatalf("%s and %s: %q and %q, want %q", a, b, a.Clash(b), b.Clash(a), want)
		}
	})
}
