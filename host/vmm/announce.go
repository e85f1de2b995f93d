package vmm

import (
	"context"
	"time"
)

// Announcement says how often a machine tells the network where it is. The zero value is right.
type Announcement struct {
	Rounds int           // 0 = 5
	Every  time.Duration // between two of them; 0 = 50 ms
}

// Announce has QEMU tell the bridge, and all behind it, at which port the guest's Ethernet address is from now on (RARP), and
// the guest's kernel, by the virtio device, that it announce its IP addresses (gratuitous ARP, unsolicited neighbour
// advertisements). It returns at once; the rounds follow. QEMU does the same by itself when a guest has come in from another
// host. The RARP does not wait for the guest to get a vCPU, so it is what moves the traffic soonest; what only the guest
// knows, its IP addresses, PID 1 announces once more when it hears that it has arrived. A guest without a network
// announces nothing.
func (vm *VM) Announce(ctx context.Context, a Announcement) error {
	if a.Rounds <= 0 {
		a.Rounds = 5
	}
	if a.Every <= 0 {
		a.Every = 50 * time.Millisecond
	}
	every := max(1, a.Every.Milliseconds())
	return vm.explain(vm.monitor.Execute(ctx, "announce-self", map[string]int64{
		"initial": every, "max": every, "step": 0, "rounds": int64(a.Rounds),
	}, nil))
}
