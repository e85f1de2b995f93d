package bench

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// calledCPU is silo's guest on a host that grants all at once and takes a vCPU back when it is told to, which no
// node does without a second guest that wants it.
type calledCPU struct {
	vm    *vmm.VM
	conn  *hvcall.Conn
	calls net.Conn
	said  *lines
	ready chan struct{}

	mu      sync.Mutex
	grant   hvcall.Grant
	applied uint64
	changed chan struct{} // closed at the next usage
	askedAt time.Time     // when the guest's newest demand for more came; zero once it is answered
	asked   uint64        // serial of the grant that answers it
	took    time.Duration // from that demand to the guest's word that it has applied the grant
	held    bool          // what was taken is not granted again until the guest asked for less
}

func startCalledCPU(ctx context.Context, s cpuSubject) (*calledCPU, error) {
	g := &calledCPU{said: newLines(), ready: make(chan struct{}, 1), changed: make(chan struct{}),
		grant: hvcall.Grant{Serial: 1, Memory: cpuMemory, MilliCPU: 1000}}
	var err error
	g.vm, err = vmm.Start(ctx, vmm.Config{Name: "called", Kernel: s.image.KernelPath(), Initramfs: s.image.InitramfsPath(),
		BootMemory: cpuMemory, MaxMemory: cpuMemory, VCPUs: 2, Forwards: []vmm.Forward{{GuestPort: orderPort}}})
	if err != nil {
		return nil, err
	}
	g.conn = hvcall.NewConn(g.vm.Port(), hvcall.Config{})
	go g.conn.Serve(context.WithoutCancel(ctx), g.answer)
	select {
	case <-g.ready:
		g.calls, err = net.Dial("tcp", g.vm.Forwards()[0].HostAddr())
	case <-g.vm.Done():
		err = g.vm.Err()
	case <-time.After(bootDeadline):
		err = fmt.Errorf("the guest was not ready within %v: %s", bootDeadline, g.said.last())
	}
	if err == nil {
		_, err = g.Event(ctx, "ready")
	}
	if err != nil {
		g.vm.Close()
		return nil, err
	}
	return g, nil
}

func (g *calledCPU) answer(_ context.Context, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpHello:
		return hvcall.Welcome{
			Name: "called", Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog}, MaxFrame: hvcall.DefaultMaxFrame,
			Memory: hvcall.MemoryBounds{Boot: cpuMemory, Max: cpuMemory}, CPU: hvcall.CPUBounds{MinMilli: 1000, MaxMilli: 2000},
			Grant: hvcall.GrantJSON{Serial: 1, Memory: cpuMemory, MilliCPU: 1000}, Args: []string{fmt.Sprintf(":%d", orderPort)},
			Network: &hvcall.Network{Address: []string{"10.0.2.15/24"}, Gateway: []string{"10.0.2.2"}}, UnixNanos: time.Now().UnixNano(),
		}.Encode(), nil
	case hvcall.OpReady:
		select {
		case g.ready <- struct{}{}:
		default:
		}
		return nil, nil
	case hvcall.OpLog:
		l, err := hvcall.DecodeLog(f.Payload)
		if err == nil {
			_, err = g.said.Write(l.Data)
		}
		return nil, err
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		if err != nil {
			return nil, err
		}
		return nil, g.demand(d)
	case hvcall.OpUsage:
		u, err := hvcall.DecodeUsage(f.Payload)
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.applied = u.Applied
		if !g.askedAt.IsZero() && g.applied >= g.asked {
			g.took, g.askedAt = time.Since(g.askedAt), time.Time{}
		}
		close(g.changed)
		g.changed = make(chan struct{})
		return nil, nil
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

func (g *calledCPU) demand(d hvcall.Demand) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d.MilliCPU <= 1000 {
		g.held = false
	}
	if g.held {
		return nil
	}
	g.grant.Serial++
	g.grant.Revision, g.grant.MilliCPU = d.Revision, min(max(d.MilliCPU, 1000), 2000)
	if d.MilliCPU > 1000 {
		g.askedAt, g.asked = time.Now(), g.grant.Serial
	}
	return g.conn.SendGrant(g.grant)
}

// Took is how long it was from the newest demand for more, at the host, to the guest's word that it has applied its grant.
func (g *calledCPU) Took() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.took
}

// Revoke takes the vCPU back and returns how long it was until the guest said that it has let go of it.
func (g *calledCPU) Revoke(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	g.mu.Lock()
	if g.grant.MilliCPU <= 1000 {
		g.mu.Unlock()
		return 0, errNothingToRevoke
	}
	g.held = true
	g.grant.Serial++
	g.grant.MilliCPU, g.grant.Limit = 1000, hvcall.LimitReclaim
	serial := g.grant.Serial
	err := g.conn.SendGrant(g.grant)
	g.mu.Unlock()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, revokeWithin)
	defer cancel()
	for {
		g.mu.Lock()
		applied, changed := g.applied, g.changed
		g.mu.Unlock()
		if applied >= serial {
			return time.Since(begin), nil
		}
		select {
		case <-changed:
		case <-g.vm.Done():
			return 0, g.vm.Err()
		case <-ctx.Done():
			return 0, fmt.Errorf("the guest did not let go of its vCPU: %w: %s", ctx.Err(), g.said.last())
		}
	}
}

// Order implements cpuGuest.
func (g *calledCPU) Order(line string) error {
	g.said.forget()
	_, err := fmt.Fprintln(g.calls, line)
	return err
}

// Event implements cpuGuest.
func (g *calledCPU) Event(ctx context.Context, kind string) (cpuEvent, error) {
	return g.said.event(ctx, g.vm.Done(), kind)
}

// Close implements cpuGuest.
func (g *calledCPU) Close() error {
	if g.calls != nil {
		g.calls.Close()
	}
	return g.vm.Close()
}
