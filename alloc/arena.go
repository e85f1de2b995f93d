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
	space mapping

	life   context.Context // ended by end, which Close calls
	end    context.CancelFunc
	allocs sync.WaitGroup // those that run: the address space stays until they are over

	mu    sync.Mutex
	live  *extents
	pages pages
	came  chan struct{} // closed, and made anew, when claimed pages have come or are given up
}

// ArenaConfig configures an Arena. The zero value is right.
type ArenaConfig struct {
	Max   int64 // address space, bytes; 0 = 64 GiB. It costs nothing until it is used
	Debug bool  // find uses after free, at some cost; also set by the environment variable SILO_ARENA_DEBUG
}

// arenaAlign is the alignment of allocations: a cache line, enough for every Go type.
const arenaAlign = 64

// arenaMost is more address space than a process has, bytes.
const arenaMost = 1 << 47

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
	if cfg.Max > arenaMost {
		return nil, fmt.Errorf("make arena: %d bytes of address space are more than any machine has: ask for at most %d", cfg.Max, int64(arenaMost))
	}
	size := (cfg.Max + hugePage - 1) / hugePage * hugePage
	space, err := reserveSpace(size)
	if err != nil {
		return nil, fmt.Errorf("make arena: %w", err)
	}
	life, end := context.WithCancel(context.Background())
	return &Arena{
		life: life, end: end, agent: a, debug: cfg.Debug || os.Getenv("SILO_ARENA_DEBUG") != "", size: size,
		space: space, live: newExtents(size), pages: newPages(size), came: make(chan struct{}),
	}, nil
}

// Alloc returns n zero bytes, waiting until they are granted. The error is a *RefusedError where
// the host refused, ErrArenaFull, or ErrArenaClosed.
func (a *Arena) Alloc(ctx context.Context, n int) ([]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	e, err := a.take(int64(n))
	if err != nil {
		return nil, err
	}
	defer a.allocs.Done()
	if err := a.settle(ctx, e); err != nil {
		a.give(e)
		if a.closed() {
			return nil, ErrArenaClosed
		}
		return nil, err
	}
	b := a.space.slice(e)[:n:n]
	if a.debug {
		a.checkPoison(b)
	}
	clear(b)
	if a.closed() {
		return nil, ErrArenaClosed
	}
	return b, nil
}

// take has an allocation begin, and finds it a place.
func (a *Arena) take(n int64) (extent, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed() {
		return extent{}, ErrArenaClosed
	}
	e, ok := extent{}, false
	if n <= a.size { // what is larger may have no multiple above it
		e, ok = a.live.take((n + arenaAlign - 1) / arenaAlign * arenaAlign)
	}
	if !ok {
		return extent{}, fmt.Errorf("allocate %d bytes of %d: %w", n, a.size, ErrArenaFull)
	}
	a.pages.use(e)
	a.allocs.Add(1)
	return e, nil
}

// give ends an allocation that failed.
func (a *Arena) give(e extent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.live.give(e.at); err != nil {
		panic("alloc: give back what was never handed out: " + err.Error()) // somebody freed it before it was allocated
	}
	for _, run := range a.pages.drop(e) {
		a.discard(run)
	}
}

// settle returns when all pages under e are here. Those that another allocation is waiting for are waited for too; where
// that one gives up, it is this one's turn.
func (a *Arena) settle(ctx context.Context, e extent) error {
	for {
		a.mu.Lock()
		mine, others := a.pages.claim(e)
		came := a.came
		a.mu.Unlock()
		switch {
		case mine != nil:
			if err := a.bring(ctx, mine); err != nil {
				return err
			}
		case !others:
			return nil
		default:
			select {
			case <-came:
			case <-a.life.Done():
				return ErrArenaClosed
			case <-ctx.Done():
				return a.agent.refusal(e.size, ctx.Err())
			}
		}
	}
}

// bring has claimed pages come, and tells those who wait for them how that ended.
func (a *Arena) bring(ctx context.Context, claimed []extent) error {
	err := a.populate(ctx, claimed)
	state := pageHere
	if err != nil {
		state = pageAway
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pages.came(claimed, state)
	close(a.came)
	a.came = make(chan struct{})
	return err
}

func (a *Arena) closed() bool { return a.life.Err() != nil }

// populate has pages granted and touches them.
func (a *Arena) populate(ctx context.Context, runs []extent) error {
	if err := a.grant(ctx, runs); err != nil {
		return err
	}
	for i, run := range runs {
		if err := a.space.populate(run); err != nil {
			for _, done := range runs[:i+1] {
				a.discard(done)
			}
			for _, rest := range runs[i+1:] {
				a.unmapped(rest.size)
			}
			return fmt.Errorf("populate arena: %w", err)
		}
	}
	return nil
}

// grant waits until so much more is granted, and counts it as mapped.
func (a *Arena) grant(ctx context.Context, runs []extent) error {
	if a.agent == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.life, cancel)()
	var bytes int64
	for _, run := range runs {
		bytes += run.size
	}
	r, err := a.agent.Reserve(ctx, bytes)
	if err != nil {
		return err
	}
	// From here on the pages are counted as mapped and no longer as reserved.
	a.agent.mapped(bytes)
	r.Release()
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
	if !ok || a.closed() {
		panic("alloc: free of memory that is not of this arena, or after Close")
	}
	e, err := a.live.give(at)
	if err != nil {
		panic("alloc: free: " + err.Error())
	}
	if a.debug {
		poison(a.space.slice(e))
	}
	for _, run := range a.pages.drop(e) {
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

// Close gives everything back, address space included. Allocations that wait end with ErrArenaClosed. A second call does nothing.
func (a *Arena) Close() error {
	a.mu.Lock()
	if a.closed() {
		a.mu.Unlock()
		return nil
	}
	a.end()
	a.mu.Unlock()
	a.allocs.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, run := range a.pages.here() {
		a.discard(run)
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
func (a *Arena) checkPoison(b []byte) {
	for i, v := range b {
		if v != poisonByte && v != 0 {
			at, _ := a.space.offset(b)
			panic(fmt.Sprintf("alloc: byte %d of the arena was written to after it was freed", at+int64(i)))
		}
	}
}
