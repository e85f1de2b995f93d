package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/vmm"
)

// A guest can use what is plugged while the rest is on its way, so the broker is told how far a
// resize has come every lookAfter. A guest that has made no progress since the last look may be short of
// processor time; it has patience in all before that is its answer.
const (
	lookAfter = 250 * time.Millisecond
	patience  = 2 * time.Second
)

// resizer holds the newest resize of a guest; a newer one ends the wait for the one under way.
type resizer struct {
	next *slot[broker.Resize]

	mu     sync.Mutex
	cancel context.CancelFunc // of the resize under way
}

func newResizer() *resizer {
	return &resizer{next: newSlot[broker.Resize](), cancel: func() {}}
}

func (r *resizer) put(a broker.Resize) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel() // before a is there to be taken, or it would be a's own wait that ends
	r.next.put(a)
}

// begin returns the newest resize with a context that ends when a newer one comes.
func (r *resizer) begin(ctx context.Context) (context.Context, context.CancelFunc, broker.Resize, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.next.take()
	ctx, r.cancel = context.WithCancel(ctx)
	return ctx, r.cancel, a, ok
}

// resize does what the broker asks for, one after the other, until ctx ends.
func (g *Guest) resize(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.resizes.next.wake:
		}
		under, cancel, a, ok := g.resizes.begin(ctx)
		if ok {
			g.resizeTo(under, a)
		}
		cancel()
	}
}

// resizeTo has one resize done for as long as there is progress, and tells the broker what came of it.
func (g *Guest) resizeTo(ctx context.Context, a broker.Resize) {
	waiting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	g.limits.follow(g.upper)
	ended := make(chan func(), 1)
	go func() {
		now, err := g.vm.Resize(waiting, a.Total)
		ended <- func() { g.resized(ctx, a, now, err) }
	}()
	look := time.NewTicker(lookAfter)
	defer look.Stop()
	for last, since := int64(0), time.Now(); ; {
		select {
		case tell := <-ended:
			tell()
			return
		case <-look.C:
		}
		now, err := g.vm.Plugged(waiting)
		switch {
		case err != nil: // the resize will say it
		case now != last:
			last, since = now, time.Now()
			g.node.post(broker.Plugging{Guest: g.id, Op: a.Op, Total: now})
		case time.Since(since) >= patience:
			giveUp()
		}
	}
}

// resized tells the broker how a resize ended. ctx has ended when a newer one counts.
func (g *Guest) resized(ctx context.Context, a broker.Resize, now int64, err error) {
	switch {
	case ctx.Err() != nil, errors.Is(err, vmm.ErrNotRunning):
	case err == nil, errors.Is(err, context.Canceled) && now > 0:
		g.node.post(broker.Plugged{Guest: g.id, Op: a.Op, Total: now})
	default:
		g.node.post(broker.ResizeFailed{Guest: g.id, Op: a.Op, Err: err.Error()})
	}
}
