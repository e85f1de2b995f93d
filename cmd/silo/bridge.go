package main

import (
	"errors"
	"strings"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/nodeapi"
)

// bridgeFlag is --net.
type bridgeFlag struct{ at *bridge.Attachment }

// String implements pflag.Value.
func (f *bridgeFlag) String() string {
	if f.at == nil {
		return ""
	}
	return f.at.String()
}

// Type implements pflag.Value.
func (f *bridgeFlag) Type() string { return bridge.Form }

// Set implements pflag.Value.
func (f *bridgeFlag) Set(s string) error {
	if f.at != nil {
		return errors.New("given twice: a guest has one network")
	}
	a, err := bridge.Parse(s)
	if err == nil {
		f.at = &a
	}
	return err
}

// oneNetwork refuses flags that say two things about the network.
func (o *runOptions) oneNetwork(networkGiven bool) error {
	switch {
	case o.bridge.at == nil:
		return nil
	case len(o.ports) > 0:
		return errors.New("--net and -p: a guest on a bridge is reached at its own address, at all its ports: leave -p out")
	case networkGiven:
		return errors.New("--net and --network: a guest has one network: leave one of them out")
	}
	return nil
}

// addressList is where a guest is reached: its forwarded ports, or its addresses on a bridge.
func addressList(g nodeapi.Guest) string {
	if g.Spec.Bridge == nil {
		return portList(g.Ports)
	}
	var words []string
	for _, p := range g.Spec.Bridge.Addresses {
		words = append(words, p.Addr().String())
	}
	return strings.Join(append(words, "on", g.Spec.Bridge.Bridge), " ")
}
