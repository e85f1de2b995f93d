package bench

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
)

// resizeWithin is how long whoever resizes from outside waits for the guest to follow.
const resizeWithin = 5 * time.Second

// outsideGuest is silo's guest with an outside poller in charge of its virtio-mem device.
type outsideGuest struct {
	*calledGuest
	size atomic.Int64
}

func startOutside(ctx context.Context, image *images.Image, args []string, out io.Writer) (*outsideGuest, error) {
	g, err := startCalled(ctx, image, pollLeast, heapMost, args, out)
	if err != nil {
		return nil, err
	}
	o := &outsideGuest{calledGuest: g}
	o.size.Store(pollLeast)
	return o, nil
}

// Size implements sized.
func (g *outsideGuest) Size() int64 { return g.size.Load() }

// Agent implements sized.
func (g *outsideGuest) Agent(since time.Time) (used, total int64, ok bool) {
	free, ok := g.freeSince(since)
	return g.Size() - free, g.Size(), ok
}

// SetSize implements sized.
func (g *outsideGuest) SetSize(ctx context.Context, bytes int64) error {
	ctx, cancel := context.WithTimeout(ctx, resizeWithin)
	defer cancel()
	now, err := g.vm.Resize(ctx, bytes)
	var short *vmm.ResizeError
	if err != nil && !(errors.As(err, &short) && now > 0) {
		return err
	}
	g.size.Store(now)
	return g.give(now)
}

// balloonGuest is a guest of the maximum size whose balloon the poller drives.
type balloonGuest struct {
	*calledGuest
	size atomic.Int64
}

// startBalloon boots a guest and takes from it what it is not to have in the beginning.
func startBalloon(ctx context.Context, image *images.Image, args []string, out io.Writer) (*balloonGuest, error) {
	g, err := startCalled(ctx, image, heapMost, heapMost, args, out)
	if err != nil {
		return nil, err
	}
	b := &balloonGuest{calledGuest: g}
	b.size.Store(heapMost)
	return b, nil
}

// Size implements sized.
func (g *balloonGuest) Size() int64 { return g.size.Load() }

// Agent implements sized.
func (g *balloonGuest) Agent(since time.Time) (used, total int64, ok bool) {
	free, ok := g.freeSince(since)
	return g.Size() - free, g.Size(), ok
}

// SetSize implements sized.
func (g *balloonGuest) SetSize(ctx context.Context, bytes int64) error {
	ctx, cancel := context.WithTimeout(ctx, resizeWithin)
	defer cancel()
	now, err := g.vm.Balloon(ctx, bytes)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	g.size.Store(now)
	return nil
}
