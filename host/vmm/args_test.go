package vmm_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/vmm"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestArgs(t *testing.T) {
	wired := vmm.Wiring{QMP: 3, Port: 4, Serial: 5}
	full := vmm.Config{
		Accel: vmm.AccelKVM, Kernel: "/images/kernel", Initramfs: "/images/initramfs", Cmdline: []string{"a=b", "c"},
		Name: "web, one", BootMemory: 64 << 20, MaxMemory: 8 << 30, VCPUs: 16,
		Forwards: []vmm.Forward{
			{HostPort: 8080, GuestPort: 80},
			{HostIP: "0.0.0.0", HostPort: 53, GuestPort: 5353, Proto: "udp"},
		},
	}
	emulated := valid()
	emulated.Accel = vmm.AccelTCG
	restricted := valid()
	restricted.Network = vmm.NetworkRestricted
	alone := valid()
	alone.Network, alone.MaxMemory, alone.VCPUs = vmm.NetworkNone, alone.BootMemory, 1
	bridged := valid()
	bridged.Bridge = &bridge.Attachment{Bridge: "br0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")}}
	stored := valid()
	stored.Disks = []vmm.Disk{{Path: "/volumes/db.img"}, {Path: "/volumes/a,b.img", ReadOnly: true}}
	stored.Shares = []vmm.Share{{Dir: "/home/me/src, old"}, {Dir: "/etc/tls", ReadOnly: true}}
	tests := map[string]struct {
		cfg    vmm.Config
		wiring vmm.Wiring
	}{
		"full":            {full, wired},
		"tcg":             {emulated, wired},
		"restricted":      {restricted, wired},
		"alone":           {alone, wired},
		"bridged":         {bridged, vmm.Wiring{QMP: 3, Port: 4, Serial: 5, Tap: 6}},
		"bridged-by-hand": {bridged, vmm.Wiring{}},
		"stored":          {stored, vmm.Wiring{QMP: 3, Port: 4, Serial: 5, Disks: []int{6, 7}}},
		"stored-by-hand":  {stored, vmm.Wiring{}},
		"by-hand":         {valid(), vmm.Wiring{}},
		"restored":        {emulated, vmm.Wiring{QMP: 3, Port: 4, Serial: 5, Memory: 7}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(tt.cfg.Args(tt.wiring), "\n") + "\n"
			path := filepath.Join("testdata", "args", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A value never becomes an option: whatever a valid configuration holds, the command line
// has the same shape.
func TestArgsShape(t *testing.T) {
	plain := valid()
	shape := options(plain.Args(vmm.Wiring{QMP: 3}))
	rapid.Check(t, func(t *rapid.T) {
		c := plain
		c.Name = rapid.StringMatching(`[ -~]{0,40}`).Draw(t, "name")
		c.Cmdline = rapid.SliceOfN(rapid.StringMatching(`[!-~]{1,40}`), 0, 20).Draw(t, "cmdline")
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		args := c.Args(vmm.Wiring{QMP: 3})
		if got := options(args); !slices.Equal(got, shape) {
			t.Fatalf("options %q, want %q", got, shape)
		}
		if commas := strings.Count(args[1], ",") - 2*strings.Count(args[1], ",,"); commas != 1 {
			t.Fatalf("name splits into options: %q", args[1])
		}
	})
}

// options are the command line's words without the values.
func options(args []string) []string {
	var names []string
	for i := 0; i < len(args); i++ {
		names = append(names, args[i])
		switch args[i] {
		case "-no-user-config", "-nodefaults", "-no-reboot", "-S":
		default:
			i++
		}
	}
	return names
}

func TestShellCommand(t *testing.T) {
	c := valid()
	c.Binary, c.Kernel = "qemu", "/it's here/kernel"
	got := c.ShellCommand()
	for _, want := range []string{"qemu -name ", ` -kernel '/it'\''s here/kernel' -append '`, " -chardev stdio,id=console,signal=off "} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

// TestElasticRegion: room for all that may be plugged, and little more; maxima close to each other share it.
func TestElasticRegion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := valid()
		c.MaxMemory = c.BootMemory + vmm.BlockSize*rapid.Int64Range(1, (1000<<30-c.BootMemory)/vmm.BlockSize).Draw(t, "blocks")
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		elastic, region := c.MaxMemory-c.BootMemory, vmm.ElasticRegion(c)
		if region < elastic || region%(128<<20) != 0 || region > max(elastic+128<<20, elastic/8*9+128<<20) || region > 1000<<30 {
			t.Errorf("%d for %d", region, elastic)
		}
	})
	one, other := valid(), valid()
	one.MaxMemory, other.MaxMemory = 21_386_756_096, 21_470_642_176
	if a, b := vmm.ElasticRegion(one), vmm.ElasticRegion(other); a != b {
		t.Errorf("%d and %d", a, b)
	}
}
