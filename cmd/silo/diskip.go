package main

import (
	"errors"
	"strings"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/images/disk"
)

// diskIPFlag is --ip of silo build.
type diskIPFlag struct {
	text    string
	network *disk.Network // nil = none was given
}

// String implements pflag.Value.
func (f *diskIPFlag) String() string { return f.text }

// Type implements pflag.Value.
func (f *diskIPFlag) Type() string { return "ADDR/BITS[,gw=ADDR][,dns=ADDR]" }

// Set implements pflag.Value. What makes sense on a bridge makes sense here.
func (f *diskIPFlag) Set(s string) error {
	if f.network != nil {
		return errors.New("given twice: further addresses follow the first one, as in 10.0.0.5/24,ip=fd00::5/64")
	}
	for _, word := range strings.Split(s, ",")[1:] {
		if key, _, _ := strings.Cut(word, "="); key != "ip" && key != "gw" && key != "dns" {
			return errors.New(`"` + word + `" is none of ip, gw and dns: write ` + f.Type())
		}
	}
	a, err := bridge.Parse("bridge=disk,ip=" + s) // the name is never looked at
	if err != nil {
		return err
	}
	f.text, f.network = s, &disk.Network{Addresses: a.Addresses, Gateways: a.Gateways, DNS: a.DNS}
	return nil
}
