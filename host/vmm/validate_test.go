package vmm_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/vmm"
)

// valid is a configuration without fault.
func valid() vmm.Config {
	return vmm.Config{Kernel: "/k", BootMemory: 64 << 20, MaxMemory: 1 << 30, VCPUs: 2}
}

func TestValidate(t *testing.T) {
	forward := func(f ...vmm.Forward) func(*vmm.Config) {
		return func(c *vmm.Config) { c.Forwards = f }
	}
	onBridge := func(name string, addresses ...string) func(*vmm.Config) {
		b := &bridge.Attachment{Bridge: name}
		for _, a := range addresses {
			b.Addresses = append(b.Addresses, netip.MustParsePrefix(a))
		}
		return func(c *vmm.Config) { c.Bridge = b }
	}
	web := vmm.Forward{HostPort: 8080, GuestPort: 80}
	tests := []struct {
		name   string
		change func(*vmm.Config)
		want   string // "" = valid, else the whole message
	}{
		{"valid", func(*vmm.Config) {}, ""},
		{"fixed memory", func(c *vmm.Config) { c.MaxMemory = c.BootMemory }, ""},
		{"no boot memory", func(c *vmm.Config) { c.BootMemory = 0 },
			"BootMemory: 0 bytes: give a size such as 64 MiB"},
		{"negative", func(c *vmm.Config) { c.MaxMemory = -4 << 20 },
			"MaxMemory: -4194304 bytes: give a size such as 64 MiB"},
		{"max below boot", func(c *vmm.Config) { c.MaxMemory = 32 << 20 },
			"MaxMemory: 32 MiB is below the boot memory of 64 MiB: raise the maximum or lower the boot memory"},
		{"odd size", func(c *vmm.Config) { c.BootMemory = 50 << 20 },
			"BootMemory: 52428800 bytes is not a multiple of 4.0 MiB: use 48 MiB or 52 MiB"},
		{"too large", func(c *vmm.Config) { c.MaxMemory = 1 << 60 },
			"MaxMemory: 1.0 EiB is more than a guest can address: use at most 1000 GiB"},
		{"no vcpus", func(c *vmm.Config) { c.VCPUs = 0 }, "VCPUs: 0: use 1 to 64"},
		{"too many vcpus", func(c *vmm.Config) { c.VCPUs = 65 }, "VCPUs: 65: use 1 to 64"},
		{"no kernel", func(c *vmm.Config) { c.Kernel = "" }, "Kernel: no path: give the path of a kernel image"},
		{"accelerator", func(c *vmm.Config) { c.Accel = "xen" },
			`Accel: "xen" is not an accelerator: use "tcg", "kvm" or leave it empty`},
		{"name", func(c *vmm.Config) { c.Name = "a\x1b" }, `Name: "a\x1b" has control characters: use printable characters`},
		{"two words", func(c *vmm.Config) { c.Cmdline = []string{"a", "b c"} },
			`Cmdline[1]: "b c" is not one printable word: pass such values through the boot configuration instead`},
		{"disk", func(c *vmm.Config) { c.Disks = []vmm.Disk{{Path: "/a"}, {Path: "b"}} }, `Disks[1].Path: "b" is not one: give an absolute path`},
		{"disk twice", func(c *vmm.Config) { c.Disks = []vmm.Disk{{Path: "/a"}, {Path: "/a"}} }, `Disks[1].Path: "/a" is there twice: leave one of the two out`},
		{"share", func(c *vmm.Config) { c.Shares = []vmm.Share{{Dir: "."}} }, `Shares[0].Dir: "." is not one: give an absolute path`},
		{"share of another user", func(c *vmm.Config) { c.Shares, c.RunAs = []vmm.Share{{Dir: "/a"}}, &vmm.User{UID: 1} },
			"Shares: QEMU runs as a user who has no right to folders of the host: use a disk, or a node that runs as the folder's owner"},
		{"many disks", func(c *vmm.Config) { c.Shares = slices.Repeat([]vmm.Share{{Dir: "/a"}}, 17) },
			"Disks: 17 disks and shares: use at most 16"},
		{"network", func(c *vmm.Config) { c.Network = "bridge" },
			`Network: "bridge" is not a kind of network: use "", "restricted" or "none"`},
		{"forward without network", func(c *vmm.Config) { c.Network = vmm.NetworkNone; c.Forwards = []vmm.Forward{web} },
			"Forwards: the guest has no network: leave the forwards out or use another network"},
		{"bridge", onBridge("br0", "10.0.0.5/24"), ""},
		{"bridge without address", onBridge("br0"),
			"Bridge.ip: the guest has no address: add ip=ADDRESS/BITS, such as ip=10.0.0.5/24"},
		{"bridge and network", func(c *vmm.Config) { onBridge("br0", "10.0.0.5/24")(c); c.Network = vmm.NetworkRestricted },
			`Network: "restricted" beside a bridge: a guest has one network: leave it or Bridge out`},
		{"bridge and forward", func(c *vmm.Config) { onBridge("br0", "10.0.0.5/24")(c); c.Forwards = []vmm.Forward{web} },
			"Forwards: a guest on a bridge is reached at its own address, at all its ports: leave the forwards out"},
		{"host port", forward(vmm.Forward{HostPort: 65536, GuestPort: 80}),
			"Forwards[0].HostPort: 65536 is out of range: use 1 to 65535, or 0 for a free port"},
		{"guest port", forward(web, vmm.Forward{HostPort: 1, GuestPort: 0}),
			"Forwards[1].GuestPort: 0 is out of range: use 1 to 65535"},
		{"host address", forward(vmm.Forward{HostIP: "::1", HostPort: 1, GuestPort: 1}),
			`Forwards[0].HostIP: "::1" is not an IPv4 address: use an IPv4 address such as 127.0.0.1 or 0.0.0.0`},
		{"options in an address", forward(vmm.Forward{HostIP: "1.2.3.4,x=y", HostPort: 1, GuestPort: 1}),
			`Forwards[0].HostIP: "1.2.3.4,x=y" is not an IPv4 address: use an IPv4 address such as 127.0.0.1 or 0.0.0.0`},
		{"protocol", forward(vmm.Forward{HostPort: 1, GuestPort: 1, Proto: "sctp"}),
			`Forwards[0].Proto: "sctp" is not a protocol: use "tcp" or "udp"`},
		{"duplicate", forward(web, vmm.Forward{HostIP: "127.0.0.1", HostPort: 8080, GuestPort: 81, Proto: "tcp"}),
			"Forwards[1].HostPort: tcp 127.0.0.1:8080 is forwarded already by Forwards[0]: choose another host port with -p HOST:GUEST"},
		{"same port, other protocol", forward(web, vmm.Forward{HostPort: 8080, GuestPort: 80, Proto: "udp"}), ""},
		{"two free ports", forward(vmm.Forward{GuestPort: 80}, vmm.Forward{GuestPort: 81}), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := valid()
			tt.change(&c)
			err := c.Validate()
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if want := "configure vm: " + tt.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			var typed *vmm.ConfigError
			if !errors.As(err, &typed) || len(typed.Problems) != 1 {
				t.Errorf("err = %#v, want a *ConfigError with one problem", err)
			}
			if _, err := vmm.Start(t.Context(), c); !errors.As(err, &typed) {
				t.Errorf("Start: %v, want a *ConfigError", err)
			}
		})
	}
}

// The kernel cuts off what is too long without a word; Validate knows the exact length.
func TestCommandLineLength(t *testing.T) {
	c := valid()
	args := c.Args(vmm.Wiring{})
	own := len(args[len(args)-1])
	c.Cmdline = []string{strings.Repeat("x", 2047-own-1)}
	if err := c.Validate(); err != nil {
		t.Errorf("2047 bytes: %v", err)
	}
	c.Cmdline[0] += "x"
	want := "configure vm: Cmdline: kernel command line of 2048 bytes, the kernel reads 2047: pass long values through the boot configuration instead"
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("2048 bytes: %v", err)
	}
}

func TestValidateListsEverything(t *testing.T) {
	var typed *vmm.ConfigError
	if err := (vmm.Config{}).Validate(); !errors.As(err, &typed) || len(typed.Problems) != 4 {
		t.Fatalf("zero configuration: %v, want four problems", err)
	}
	for _, p := range typed.Problems {
		if p.Field == "" || p.Cause == "" || p.Fix == "" {
			t.Errorf("problem %+v lacks field, cause or fix", p)
		}
	}
}
