package node

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

func onBridge(address string) *bridge.Attachment {
	return &bridge.Attachment{Bridge: "br0", Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}
}

// TestBridged: a guest on a bridge is started there, and told its addresses.
func TestBridged(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		a := onBridge("10.0.0.5/24")
		a.Gateways, a.DNS, a.MTU = []netip.Addr{netip.MustParseAddr("10.0.0.1")}, []netip.Addr{netip.MustParseAddr("10.0.0.53")}, 1400
		g, err := r.Start(t.Context(), GuestSpec{Bridge: a})
		if err != nil {
			t.Fatal(err)
		}
		_, guest := r.last()
		w, err := guest.SayHello(t.Context())
		want := &hvcall.Network{MAC: a.HardwareAddr(), Address: []string{"10.0.0.5/24"}, Gateway: []string{"10.0.0.1"}, DNS: []string{"10.0.0.53"}, MTU: 1400}
		if diff := cmp.Diff(want, w.Network); diff != "" || err != nil || r.cfgs[0].Bridge != a {
			t.Errorf("%v, %+v, -want +got:\n%s", err, r.cfgs[0].Bridge, diff)
		}
		if err := g.Movable(); err != nil {
			t.Error(err)
		}
		plain, _, _ := r.boot(GuestSpec{})
		if err := plain.Movable(); !errors.As(err, new(*vmm.PinnedError)) {
			t.Errorf("Movable = %v", err)
		}
	})
}

func TestSpecErrors(t *testing.T) {
	large := filepath.Join(t.TempDir(), "initramfs")
	if err := errors.Join(os.WriteFile(large, nil, 0o600), os.Truncate(large, 59*mib)); err != nil {
		t.Fatal(err)
	}
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.boot(GuestSpec{Name: "taken", Bridge: onBridge("10.0.0.5/24")})
		for _, c := range []struct {
			name string
			spec GuestSpec
			want string
		}{
			{"max below min", GuestSpec{Memory: Memory{Min: 128 * mib, Max: 64 * mib}},
				"start guest: Memory.Max: 64 MiB is less than the minimum of 128 MiB: raise the maximum or lower the minimum"},
			{"half blocks", GuestSpec{Memory: Memory{Min: 50 * mib}}, "start guest: Memory.Min: 52428800 bytes is not a multiple of 4.0 MiB: use 52 MiB"},
			{"negative", GuestSpec{Memory: Memory{Min: -4 * mib}}, "start guest: Memory.Min: -4194304 bytes is not a multiple of 4.0 MiB: use 4.0 MiB"},
			{"vCPUs", GuestSpec{CPU: CPU{MinMilli: 2000, MaxMilli: 1000}}, "start guest: CPU.MaxMilli: 1000 is less than the minimum of 2000: raise the maximum or lower the minimum"},
			{"image", GuestSpec{Initramfs: large, Memory: Memory{Min: 64 * mib, Max: 1024 * mib}},
				"start guest: Memory.Min: 64 MiB is too little to boot this image, whose programs stay in memory: use 92 MiB or more"},
			{"silence", GuestSpec{AnswerWithin: time.Second}, "start guest: AnswerWithin: 1s is less than 5s: a guest on a busy host may be silent for so long: give it more"},
			{"env", GuestSpec{Env: []string{"A=", "B"}}, `start guest: Env[1]: "B" has no name and value: write it as NAME=VALUE`},
			{"bridge", GuestSpec{Bridge: &bridge.Attachment{Bridge: "br0"}}, "start guest: Bridge.ip: the guest has no address: add ip=ADDRESS/BITS, such as ip=10.0.0.5/24"},
			{"bridge and ports", GuestSpec{Bridge: onBridge("10.0.0.6/24"), Ports: []vmm.Forward{{GuestPort: 80}}},
				"start guest: Ports: a guest on a bridge is reached at its own address, at all its ports: leave -p out"},
			{"bridge and network", GuestSpec{Bridge: onBridge("10.0.0.6/24"), Network: vmm.NetworkNone},
				`start guest: Network: "none" beside a bridge: a guest has one network: leave one of them out`},
			{"address taken", GuestSpec{Bridge: onBridge("10.0.0.5/16")},
				"start guest: Bridge: 10.0.0.5 on br0 is the address of guest taken: choose another address, or end that guest first"},
			{"name", GuestSpec{Name: "taken"}, `start guest: Name: a guest named "taken" runs already: choose another name`},
		} {
			var bad *SpecError
			if _, err := r.Start(t.Context(), c.spec); !errors.As(err, &bad) || err.Error() != c.want {
				t.Errorf("%s: got  %v\nwant %s", c.name, err, c.want)
			}
		}
	})
}

// TestStartFails: nothing is left of a guest whose machine does not start, or that was not waited for.
func TestStartFails(t *testing.T) {
	inBubble(t, 128*mib, func(t *testing.T, r *rig) {
		r.fail = errors.New("no qemu")
		if _, err := r.Start(t.Context(), GuestSpec{Name: "a"}); !errors.Is(err, r.fail) {
			t.Errorf("got %v", err)
		}
		r.fail = nil
		_, _, guest := r.boot(GuestSpec{Name: "a"})
		r.demand(guest, 128*mib, 1000)
		granted(t, guest, 128*mib)
		guest.SetManner(stubborn)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // before the stubborn one is killed
		defer cancel()
		if _, err := r.Start(ctx, GuestSpec{Name: "b"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if s := r.State(); len(s.Guests) != 1 || s.Guests[0].ID != "a" {
			t.Errorf("left: %+v", s.Guests)
		}
	})
}

// TestRealCapacity: without a configured capacity the node offers what this machine has.
func TestRealCapacity(t *testing.T) {
	n, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if c := n.Capacity(); c.Memory < 64*mib || c.Slush <= 0 || c.MilliCPU < 1000 {
		t.Errorf("%+v", c)
	}
}
