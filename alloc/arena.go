package alloc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Arena is memory outside the Go heap: the collector neither scans nor counts it, and what is freed
// goes back to the host at once, in whole pages of 2 MiB. Use it for large data without pointers.
//
// Each allocation is admitted like a reservation, so it parks the goroutine until the host has granted
// the pages, and touches them before it returns: a later access never waits in a page fault.
//
// Slices of an arena must not be used after Free or Close. With [ArenaConfig.Debug] freed pages are made
// inaccessible, so that a use after free crashes where it happens, and a write into a freed part of a page
// still in use is found at the next allocation there.
//
// All methods may be called from any goroutine.
type Arena struct {
	agent *Agent // nil = nothing is asked of anybody: hosted mode
	debug bool
	size  int64

	mu     sync.Mutex
	space  mapping
	live   *extents
	pages  *pageUse
	closed bool
}

// ArenaConfig configures an Arena. The zero value is right.
type ArenaConfig struct {
	Max   int64 // address space, bytes; 0 = 64 GiB. It costs nothing until it is used
	Debug bool  // find uses after free, at some cost; also set by the environment variable SILO_ARENA_DEBUG
}

// arenaAlign is the alignment of allocations: a cache line, enough for every Go type.
const arenaAlign = 64

// ErrArenaFull is returned when an arena's address space is used up or too fragmented.
var ErrArenaFull = errors.New("arena full")

// ErrArenaClosed is returned by allocations from an arena that was closed.
var ErrArenaClosed = errors.New("arena closed")

// NewArena reserves the address space for an arena whose pages are admitted by a; a nil Agent admits
// everything.
func NewArena(a *Agent, cfg ArenaConfig) (*Arena, error) {
	if cfg.Max <= 0 {
		cfg.Max = 64 << 30
	}
	size := (cfg.Max + hugePage - 1) / hugePage * hugePage
	space, err := reserveSpace(size)
	if err != nil {
		return nil, fmt.Errorf("make arena: %w", err)
	}
	return &Arena{
		agent: a, debug: cfg.Debug || os.Getenv("SILO_ARENA_DEBUG") != "", size: size,
		space: space, live: newExtents(size), pages: newPageUse(size),
	}, nil
}

// Alloc returns n zero bytes, waiting until they are granted. The error is a *RefusedError where
// the host refused, ErrArenaFull, or ErrArenaClosed.
func (a *Arena) Alloc(ctx context.Context, n int) ([]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	e, fresh, err := a.take(int64(n))
	if err != nil {
		return nil, err
	}
	if err := a.populate(ctx, fresh); err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		if back, giveErr := a.live.give(e.at); giveErr == nil {
			a.pages.add(back, -1)
		}
		return nil, err
	}
	b := a.space.slice(e)[:n:n]
	if a.debug {
		a.checkPoison(b, fresh)
	}
	clear(b)
	return b, nil
}

func (a *Arena) take(n int64) (extent, []extent, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return extent{}, nil, ErrArenaClosed
	}
	e, ok := a.live.take((n + arenaAlign - 1) / arenaAlign * arenaAlign)
	if !ok {
		return extent{}, nil, fmt.Errorf("allocate %d bytes of %d: %w", n, a.size, ErrArenaFull)
	}
	return e, a.pages.add(e, 1), nil
}

// populate has fresh pages granted and touches them.
func (a *Arena) populate(ctx context.Context, fresh []extent) error {
	var bytes int64
	for _, e := range fresh {
		bytes += e.size
	}
	if bytes == 0 {
		return nil
	}
	if a.agent != nil {
		r, err := a.agent.Reserve(ctx, bytes)
		if err != nil {
			return err
		}
		// From here on the pages are counted as mapped and no longer as reserved.
		a.agent.mapped(bytes)
		r.Release()
	}
	for i, e := range fresh {
		if err := a.space.populate(e); err != nil {
			for _, done := range fresh[:i+1] {
				a.discard(done)
			}
			for _, rest := range fresh[i+1:] {
				a.unmapped(rest.size)
			}
			return fmt.Errorf("populate arena: %w", err)
		}
	}
	return nil
}

// Free takes back a slice that Alloc returned. It panics where b is not one in use: the
// program has lost track of its memory, and going on would corrupt it.
func (a *Arena) Free(b []byte) {
	if cap(b) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.space.offset(b)
	if !ok || a.closed {
		panic("alloc: free of memory that is not of this arena, or after Close")
	}
	e, err := a.live.give(at)
	if err != nil {
		panic("alloc: free: " + err.Error())
	}
	if a.debug {
		poison(a.space.slice(e))
	}
	for _, run := range a.pages.add(e, -1) {
		a.discard(run)
	}
}

// discard gives pages back. A failure leaves them resident, which costs memory and breaks nothing.
func (a *Arena) discard(e extent) {
	if err := a.space.discard(e, a.debug); err == nil {
		a.unmapped(e.size)
	}
}

func (a *Arena) unmapped(bytes int64) {
	if a.agent != nil {
		a.agent.mapped(-bytes)
	}
}

// Close gives everything back, address space included. A second call does nothing.
func (a *Arena) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	for page, used := range a.pages.used {
		if used != 0 {
			a.discard(extent{int64(page) * hugePage, hugePage})
		}
	}
	return a.space.release()
}

// poisonByte fills freed memory in debug mode.
const poisonByte = 0xdb

func poison(b []byte) {
	for i := range b {
		b[i] = poisonByte
	}
}

// checkPoison panics if freed memory was written to. Pages that were not mapped before are zero.
func (a *Arena) checkPoison(b []byte, fresh []extent) {
	at, _ := a.space.offset(b)
	for i, v := range b {
		in := at + int64(i)
		isFresh := false
		for _, f := range fresh {
			isFresh = isFresh || (in >= f.at && in < f.end())
		}
		if !isFresh && v != poisonByte && v != 0 {
			panic(fmt.Sprintf("alloc: byte %d of the arena was written to after it was freed", in))
		}
	}
}
