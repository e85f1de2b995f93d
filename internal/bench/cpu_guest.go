package bench

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
)

// cpuGuest is a guest with the load program in it, whatever brings its vCPUs.
type cpuGuest interface {
	Order(line string) error
	// Event awaits what the load program says of an order.
	Event(ctx context.Context, kind string) (cpuEvent, error)
	Close() error
}

// cpuMemory is what each guest of the cpu benchmark has at boot, bytes. The stock kernel needs as much.
const cpuMemory = 256 << 20

// orderPort is where the load program takes its orders in silo's guests.
const orderPort = 9000

// siloCPU is silo's guest on a node, as `silo run` runs it.
type siloCPU struct {
	*node.Guest
	node  *node.Node
	said  *lines
	calls net.Conn
}

func startSiloCPU(ctx context.Context, s cpuSubject, vcpus int) (*siloCPU, error) {
	// So many vCPUs, whatever this host has: what they cost is to be seen.
	n, err := node.New(node.Config{Capacity: broker.Capacity{MilliCPU: int64(vcpus) * 1000}})
	if err != nil {
		return nil, err
	}
	g, err := startOn(ctx, n, s, "cpu", node.CPU{MinMilli: 1000, MaxMilli: uint32(vcpus) * 1000}, nil)
	if err != nil {
		n.Close()
		return nil, err
	}
	return g, nil
}

// startOn starts a guest on a node, which it does not end when it fails.
func startOn(ctx context.Context, n *node.Node, s cpuSubject, name string, cpu node.CPU, env []string) (*siloCPU, error) {
	g := &siloCPU{node: n, said: newLines()}
	var err error
	g.Guest, err = n.Start(ctx, node.GuestSpec{
		Name: name, Kernel: s.image.KernelPath(), Initramfs: s.image.InitramfsPath(), Args: []string{fmt.Sprintf(":%d", orderPort)}, Env: env,
		Memory: node.Memory{Min: cpuMemory, Max: cpuMemory}, CPU: cpu,
		Ports: []vmm.Forward{{GuestPort: orderPort}}, Stdout: g.said, Stderr: g.said,
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-g.Ready():
		g.calls, err = net.Dial("tcp", g.Forwards()[0].HostAddr())
	case <-g.Done():
		err = fmt.Errorf("%w: %s", errGone, g.said.last())
	case <-time.After(bootDeadline):
		err = fmt.Errorf("the guest was not ready within %v: %s", bootDeadline, g.said.last())
	}
	if err == nil {
		_, err = g.Event(ctx, "ready")
	}
	return g, err
}

// Order implements cpuGuest.
func (g *siloCPU) Order(line string) error {
	g.said.forget()
	_, err := fmt.Fprintln(g.calls, line)
	return err
}

// Event implements cpuGuest.
func (g *siloCPU) Event(ctx context.Context, kind string) (cpuEvent, error) {
	return g.said.event(ctx, g.Done(), kind)
}

// Close implements cpuGuest.
func (g *siloCPU) Close() error {
	if g.calls != nil {
		g.calls.Close()
	}
	return g.node.Close()
}
