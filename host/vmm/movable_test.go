package vmm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/vmm"
)

func TestVolumesPin(t *testing.T) {
	for _, change := range []func(*vmm.Config){
		func(c *vmm.Config) { c.Disks = []vmm.Disk{{Path: "/a"}} },
		func(c *vmm.Config) { c.Shares = []vmm.Share{{Dir: "/a"}} },
	} {
		cfg := valid()
		cfg.Name, cfg.Network = "kv", vmm.NetworkNone
		change(&cfg)
		var pinned *vmm.PinnedError
		if err := cfg.Movable(); !errors.As(err, &pinned) || !strings.HasPrefix(err.Error(), "move kv: its volumes are files of this host alone") {
			t.Errorf("%v", err)
		}
	}
}

func TestMovable(t *testing.T) {
	for name, c := range map[string]struct {
		network vmm.Network
		bridge  *bridge.Attachment
		want    string
	}{
		"user":       {vmm.NetworkUser, nil, "move kv: its network is of this host alone (user-mode networking"},
		"restricted": {vmm.NetworkRestricted, nil, "(restricted networking"},
		"none":       {vmm.NetworkNone, nil, ""},
		"bridge":     {vmm.NetworkUser, &bridge.Attachment{}, ""},
	} {
		cfg := valid()
		cfg.Name, cfg.Network, cfg.Bridge = "kv", c.network, c.bridge
		err := cfg.Movable()
		var pinned *vmm.PinnedError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &pinned) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--net bridge=")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
