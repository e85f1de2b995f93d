package vmmtest

import (
	"context"
	"sync"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// device plugs memory as a guest's driver would.
type device struct {
	latency func(from, to int64) time.Duration

	mu       sync.Mutex
	size     int64 // plugged, bytes
	wanted   int64
	least    int64 // shrinking ends here
	most     int64 // growing ends here; 0 = nowhere
	fail     error
	ended    bool
	requests []int64
	timer    *time.Timer
}

// Request starts a change of size, in place of one under way.
func (d *device) Request(_ context.Context, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failure(); err != nil {
		return err
	}
	d.requests = append(d.requests, size)
	d.wanted = size
	d.move()
	return nil
}

// Size is what is plugged.
func (d *device) Size(context.Context) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size, d.failure()
}

func (d *device) failure() error {
	if d.ended {
		return vmm.ErrNotRunning
	}
	return d.fail
}

// move goes, after the latency, as far towards the wanted size as the guest can. The
// caller holds mu.
func (d *device) move() {
	if d.timer != nil {
		d.timer.Stop()
	}
	to := d.wanted
	if to < d.size {
		to = min(d.size, max(to, d.least))
	} else if d.most > 0 {
		to = max(d.size, min(to, d.most))
	}
	delay := d.latency(d.size, to)
	if delay <= 0 {
		d.size = to
		return
	}
	d.timer = time.AfterFunc(delay, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.size = to
	})
}

// change alters what the guest can do and lets it go on from where it is.
func (d *device) change(alter func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	alter()
	d.move()
}

func (d *device) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.timer != nil {
		d.timer.Stop()
	}
}
