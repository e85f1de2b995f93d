package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestDiskIPFlag(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.2.15/24":                          "[10.0.2.15/24] [] []",
		"10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3": "[10.0.2.15/24] [10.0.2.2] [10.0.2.3]",
		"10.0.2.15/24,ip=fd00::5/64,gw=fd00::1": "[10.0.2.15/24 fd00::5/64] [fd00::1] []",
	} {
		var f diskIPFlag
		if err := f.Set(s); err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got := fmt.Sprint(f.network.Addresses, f.network.Gateways, f.network.DNS); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
		if err := f.Set(s); err == nil {
			t.Errorf("%s: given twice", s)
		}
	}
	for s, want := range map[string]string{
		"":                         "no NAME=VALUE",
		"10.0.2.15":                "not an address with the width",
		"10.0.2.15/24,gw=10.9.9.9": "outside of the guest's net",
		"10.0.2.15/24,mtu=9000":    `"mtu=9000" is none of ip, gw and dns`,
		"10.0.2.15/24,bridge=br0":  `"bridge=br0" is none of ip, gw and dns`,
	} {
		var f diskIPFlag
		if err := f.Set(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
}
