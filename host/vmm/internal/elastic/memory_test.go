package elastic_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/vmm/internal/elastic"
	"pgregory.net/rapid"
)

const (
	mib   = 1 << 20
	block = elastic.BlockSize
	boot  = 64 * mib
)

// driver plays a guest's driver: it plugs a block each tick, gives up where it is stuck and
// tries again only when it is told a size.
type driver struct {
	tick time.Duration

	mu              sync.Mutex
	size, requested int64
	stuckAt         int64 // a size it does not get away from; -1 = none
	idle            bool  // gave up until told a size
	requests        []int64
	failure         error
}

func (d *driver) Request(_ context.Context, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure != nil {
		return d.failure
	}
	d.requests = append(d.requests, size)
	d.requested, d.idle = size, false
	return nil
}

func (d *driver) Size(ctx context.Context) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return d.size, d.failure
}

func (d *driver) run(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(d.tick)
		d.mu.Lock()
		switch {
		case d.size == d.stuckAt || d.idle:
			d.idle = d.size != d.requested
		case d.size < d.requested:
			d.size += block
		case d.size > d.requested:
			d.size -= block
		}
		d.mu.Unlock()
	}
}

// withMemory runs a test in virtual time with a driver at work.
func withMemory(t *testing.T, tick time.Duration, test func(*testing.T, *elastic.Memory, *driver)) {
	synctest.Test(t, func(t *testing.T) {
		d := &driver{tick: tick, stuckAt: -1}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.run(ctx) })
		defer running.Wait()
		defer stop()
		test(t, &elastic.Memory{Device: d, Boot: boot, Max: boot + 512*mib}, d)
	})
}

func TestGrowAndShrink(t *testing.T) {
	withMemory(t, time.Millisecond, func(t *testing.T, m *elastic.Memory, d *driver) {
		for _, want := range []int64{boot + 512*mib, boot, boot + block, boot + block} {
			if now, err := m.Resize(t.Context(), want); now != want || err != nil {
				t.Errorf("resize to %d: %d, %v", want, now, err)
			}
			if now, err := m.Total(t.Context()); now != want || err != nil {
				t.Errorf("total = %d, %v; want %d", now, err, want)
			}
		}
		if want := []int64{512 * mib, 0, block, block}; !slices.Equal(d.requests, want) {
			t.Errorf("requests = %d, want %d: no poke while there is progress", d.requests, want)
		}
	})
}

func TestSizesRefused(t *testing.T) {
	withMemory(t, time.Millisecond, func(t *testing.T, m *elastic.Memory, d *driver) {
		for _, want := range []int64{-1, 0, boot - block, boot + 1, boot + mib, boot + block/2, boot + 512*mib + block, -1 << 63} {
			var refused *elastic.SizeError
			if _, err := m.Resize(t.Context(), want); !errors.As(err, &refused) || refused.Want != want {
				t.Errorf("resize to %d: %v, want a *SizeError", want, err)
			}
		}
		if len(d.requests) != 0 {
			t.Errorf("requests = %d, want none", d.requests)
		}
	})
}

func TestFixedMemory(t *testing.T) {
	m := &elastic.Memory{Boot: boot, Max: boot}
	if now, err := m.Resize(t.Context(), boot); now != boot || err != nil {
		t.Errorf("resize to what it is: %d, %v", now, err)
	}
	if _, err := m.Resize(t.Context(), boot+block); !errors.As(err, new(*elastic.SizeError)) {
		t.Errorf("resize of fixed memory: %v", err)
	}
	if now, err := m.Total(t.Context()); now != boot || err != nil {
		t.Errorf("total = %d, %v", now, err)
	}
}

func TestContextEnds(t *testing.T) {
	withMemory(t, 100*time.Millisecond, func(t *testing.T, m *elastic.Memory, d *driver) {
		ctx, cancel := context.WithTimeout(t.Context(), 450*time.Millisecond)
		defer cancel()
		now, err := m.Resize(ctx, boot+100*mib)
		var partial *elastic.ResizeError
		if !errors.As(err, &partial) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("err = %v, want a *ResizeError for the deadline", err)
		}
		if now != boot+4*block || partial.Now != now || partial.Want != boot+100*mib {
			t.Errorf("now = %d, error %+v; want four blocks", now, *partial)
		}
		time.Sleep(time.Minute)
		if now, _ := m.Total(t.Context()); now != boot+100*mib {
			t.Errorf("a minute later at %d: the request must stand", now)
		}
	})
}

// The newest size wins; older ones return at once and say so.
func TestNewestWins(t *testing.T) {
	withMemory(t, 10*time.Millisecond, func(t *testing.T, m *elastic.Memory, d *driver) {
		var older sync.WaitGroup
		for i := range 5 {
			older.Go(func() {
				now, err := m.Resize(t.Context(), boot+int64(100+4*i)*mib)
				if !errors.Is(err, elastic.ErrSuperseded) || !errors.As(err, new(*elastic.ResizeError)) {
					t.Errorf("older resize %d: %d, %v", i, now, err)
				}
			})
			synctest.Wait()
		}
		if now, err := m.Resize(t.Context(), boot+8*mib); now != boot+8*mib || err != nil {
			t.Errorf("newest: %d, %v", now, err)
		}
		older.Wait()
		if last := d.requests[len(d.requests)-1]; last != 8*mib {
			t.Errorf("the device last heard %d, want the newest", last)
		}
	})
}

// A driver that gave up is poked: it gets there long before its own 50 s are over.
func TestPoke(t *testing.T) {
	for name, want := range map[string]int64{"grow": 40 * mib, "shrink": 0} {
		t.Run(name, func(t *testing.T) {
			withMemory(t, time.Millisecond, func(t *testing.T, m *elastic.Memory, d *driver) {
				d.size, d.requested, d.stuckAt = 20*mib, 20*mib, 20*mib
				time.AfterFunc(10*time.Second, func() {
					d.mu.Lock()
					defer d.mu.Unlock()
					d.stuckAt = -1
				})
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if now, err := m.Resize(ctx, boot+want); now != boot+want || err != nil {
					t.Fatalf("%d, %v", now, err)
				}
				if n := len(d.requests); n < 4 || n > 8 || !slices.Equal(d.requests, slices.Repeat([]int64{want}, n)) {
					t.Errorf("requests = %d: want few pokes, all with the size", d.requests)
				}
			})
		})
	}
}

func TestDeviceFails(t *testing.T) {
	withMemory(t, time.Millisecond, func(t *testing.T, m *elastic.Memory, d *driver) {
		broken := errors.New("monitor gone")
		d.failure = broken
		var partial *elastic.ResizeError
		if now, err := m.Resize(t.Context(), boot+block); now != 0 || !errors.Is(err, broken) || !errors.As(err, &partial) {
			t.Errorf("resize: %d, %v", now, err)
		}
		if _, err := m.Total(t.Context()); !errors.Is(err, broken) {
			t.Errorf("total: %v", err)
		}
	})
}

// Whatever resizes run at whatever times, the device ends with the one begun last, and that
// one succeeds.
func TestConcurrentResizes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 512*mib/block), 1, 8).Draw(rt, "sizes in blocks")
		gaps := rapid.SliceOfN(rapid.IntRange(0, 3000), len(sizes), len(sizes)).Draw(rt, "gaps in ms")
		withMemory(t, time.Millisecond, func(t *testing.T, m *elastic.Memory, d *driver) {
			var all sync.WaitGroup
			for i, size := range sizes {
				all.Go(func() {
					now, err := m.Resize(t.Context(), boot+size*block)
					reached := err == nil && now == boot+size*block
					if !reached && (i == len(sizes)-1 || !errors.Is(err, elastic.ErrSuperseded)) {
						rt.Errorf("resize %d to %d blocks: %d, %v", i, size, now, err)
					}
				})
				synctest.Wait()
				time.Sleep(time.Duration(gaps[i]) * time.Millisecond)
			}
			all.Wait()
			if last := sizes[len(sizes)-1] * block; d.requested != last || d.size != last {
				rt.Errorf("ended with %d requested and %d plugged, want %d", d.requested, d.size, last)
			}
		})
	})
}
