package elastic

import (
	"context"
	"errors"
	"sync"
	"time"
)

// BlockSize is the step in which memory changes, bytes. The guest's driver moves no less
// than its kernel's largest contiguous allocation, 4 MiB, whatever block size the device
// has: a request that is not a multiple of it would stay half done for ever.
const BlockSize = 4 << 20

// Device is what plugs memory. All sizes are bytes beyond the boot memory.
type Device interface {
	// Request tells the guest's driver which size to reach, also when it knows it already.
	Request(ctx context.Context, size int64) error
	// Size is what the driver has plugged.
	Size(ctx context.Context) (int64, error)
}

// Memory is a guest's memory, of changeable size. Its methods may be called from any
// goroutine.
type Memory struct {
	Device    Device // nil if Max is Boot
	Boot, Max int64  // bytes in total

	setting sync.Mutex // held while a request goes to the device

	mu       sync.Mutex
	overtake context.CancelCauseFunc // ends the resize that is under way
}

// Polling is the only prompt way to see a change: QEMU sends its event for it at most once
// a second. A small step takes a guest a few milliseconds.
const (
	pollFirst = 500 * time.Microsecond
	pollMost  = 10 * time.Millisecond
)

// A guest's driver that could not free or describe memory tries again after 50 to 300 s,
// or when it is poked: told of a request, be it the same as before. Each try costs the guest
// time, and a poke starts a running try anew, so a guest is poked ever less often until it
// makes progress.
const (
	pokeFirst = 500 * time.Millisecond
	pokeMost  = 8 * time.Second
)

// lastLook bounds the reading of the size after the caller's context has ended.
const lastLook = time.Second

// Resize asks for a total and waits until the guest has it. It returns the total it has.
// Errors are *SizeError and *ResizeError.
func (m *Memory) Resize(ctx context.Context, total int64) (int64, error) {
	if total < m.Boot || total > m.Max || (total-m.Boot)%BlockSize != 0 {
		return 0, &SizeError{Want: total, Boot: m.Boot, Max: m.Max}
	}
	if m.Max == m.Boot {
		return m.Boot, nil
	}
	ctx, end := m.begin(ctx)
	defer end(nil)
	err := m.request(ctx, total)
	if err == nil {
		err = m.await(ctx, total)
	}
	if err == nil {
		return total, nil
	}
	return m.giveUp(ctx, total, err)
}

// Total is the memory the guest has now.
func (m *Memory) Total(ctx context.Context) (int64, error) {
	if m.Max == m.Boot {
		return m.Boot, nil
	}
	plugged, err := m.Device.Size(ctx)
	return m.Boot + plugged, err
}

// begin makes this resize the newest one.
func (m *Memory) begin(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	m.mu.Lock()
	older := m.overtake
	m.overtake = cancel
	m.mu.Unlock()
	if older != nil {
		older(ErrSuperseded)
	}
	return ctx, cancel
}

// request gives the size to the device, unless this resize was overtaken while it waited.
func (m *Memory) request(ctx context.Context, total int64) error {
	m.setting.Lock()
	defer m.setting.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return m.Device.Request(ctx, total-m.Boot)
}

// await polls until the guest has the size, and pokes a guest that makes no progress.
func (m *Memory) await(ctx context.Context, total int64) error {
	last, since, patience := int64(-1), time.Now(), pokeFirst
	for wait := pollFirst; ; wait = min(2*wait, pollMost) {
		now, err := m.Total(ctx)
		if err != nil || now == total {
			return err
		}
		switch {
		case now != last:
			last, since, patience = now, time.Now(), pokeFirst
		case time.Since(since) >= patience:
			if err := m.request(ctx, total); err != nil {
				return err
			}
			since, patience = time.Now(), min(2*patience, pokeMost)
		}
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// Sleep waits for d, or until ctx ends, and returns the cause then.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// giveUp looks where the guest is when waiting has ended.
func (m *Memory) giveUp(ctx context.Context, total int64, cause error) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	now, err := m.Total(ctx)
	switch {
	case err != nil:
		return 0, &ResizeError{Want: total, Err: errors.Join(cause, err)}
	case now == total:
		return now, nil
	default:
		return now, &ResizeError{Want: total, Now: now, Err: cause}
	}
}
