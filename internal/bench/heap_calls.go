package bench

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/images"
)

// calledGuest is silo's guest on a host that hears its demands and does not obey them: its size is
// somebody else's to decide.
type calledGuest struct {
	vm      *vmm.VM
	conn    *hvcall.Conn
	out     io.Writer // the application's output
	stop    context.CancelFunc
	served  chan struct{} // closed when the conversation is over
	ended   chan struct{} // closed when the machine has ended and all it said was heard
	welcome hvcall.Welcome

	mu      sync.Mutex
	grant   hvcall.Grant // the newest; guarded by mu, as all below
	usage   hvcall.Usage
	usedAt  time.Time // when usage came
	exit    *hvcall.Exit
	console tail
}

// startCalled boots a machine of a fixed memory at boot, which may be resized up to a most.
func startCalled(ctx context.Context, image *images.Image, boot, most int64, args []string, out io.Writer) (*calledGuest, error) {
	g := &calledGuest{out: out, served: make(chan struct{}), ended: make(chan struct{})}
	var err error
	g.vm, err = vmm.Start(ctx, vmm.Config{Name: "heap", Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(),
		BootMemory: boot, MaxMemory: most, VCPUs: heapVCPUs})
	if err != nil {
		return nil, err
	}
	g.grant = hvcall.Grant{Serial: 1, Memory: uint64(boot), MilliCPU: 1000 * heapVCPUs}
	g.welcome = hvcall.Welcome{
		Name: "heap", Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog},
		MaxFrame: hvcall.DefaultMaxFrame, Memory: hvcall.MemoryBounds{Boot: uint64(boot), Max: uint64(most)},
		CPU: hvcall.CPUBounds{MinMilli: 1000 * heapVCPUs, MaxMilli: 1000 * heapVCPUs}, Args: args,
		// How long a thread waits is to be measured, and not cut short by PID 1.
		RefusalMS: time.Hour.Milliseconds(),
	}
	g.conn = hvcall.NewConn(g.vm.Port(), hvcall.Config{})
	ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(g.served)
		_ = g.conn.Serve(ctx, g.answer) // it ends with the machine, and the machine says why
	}()
	go func() {
		<-g.vm.Done()
		<-g.served
		close(g.ended)
	}()
	return g, nil
}

// freeSince is what PID 1 found free, if it said so after a moment.
func (g *calledGuest) freeSince(moment time.Time) (bytes int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(g.usage.Free), g.usedAt.After(moment)
}

// give states a grant of so much memory.
func (g *calledGuest) give(bytes int64) error {
	g.mu.Lock()
	g.grant.Serial++
	g.grant.Memory = uint64(bytes)
	grant := g.grant
	g.mu.Unlock()
	if err := g.conn.SendGrant(grant); err != nil {
		return fmt.Errorf("send grant: %w", err)
	}
	return nil
}

// Resident implements heapGuest.
func (g *calledGuest) Resident() (int64, error) { return g.vm.Resident() }

// Said implements heapGuest.
func (g *calledGuest) Said() pid1 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return pid1Of(g.usage)
}

// RoundTrip implements heapGuest.
func (g *calledGuest) RoundTrip(ctx context.Context) (time.Duration, error) {
	return g.conn.RoundTrip(ctx)
}

// Done implements heapGuest.
func (g *calledGuest) Done() <-chan struct{} { return g.ended }

// Starved implements heapGuest.
func (g *calledGuest) Starved() (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.exit != nil {
		return starved(*g.exit)
	}
	why := g.vm.Err().Error()
	return why, saysStarved(why)
}

// Last implements heapGuest.
func (g *calledGuest) Last() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append(g.console.lines(), g.vm.ConsoleTail()...)
}

// Close implements heapGuest.
func (g *calledGuest) Close() error {
	err := g.vm.Close()
	<-g.ended
	g.stop()
	return err
}
