package sched

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Pool runs functions in parallel, as many at a time as there are vCPUs granted, and demands vCPUs for those that
// wait: it knows them, where the scheduler only sees those that run. Make one with [NewPool] for a piece of work
// and end it with Wait. Its methods may be called from any goroutine.
type Pool struct {
	agent  *Agent // nil = nothing is granted: GOMAXPROCS counts
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	width   int
	queue   []func(context.Context) error
	running int
	idle    *sync.Cond // running is 0 and the queue is empty
	err     error      // the first
	ended   bool       // Wait has returned
}

// NewPool returns a Pool whose functions get a context that ends with ctx, with the first error and with Wait. With
// a nil Agent, outside a guest, the pool is as wide as GOMAXPROCS.
func NewPool(ctx context.Context, agent *Agent) *Pool {
	p := &Pool{agent: agent}
	p.idle = sync.NewCond(&p.mu)
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	forget := agent.hear(p.widen)
	context.AfterFunc(p.ctx, forget)
	return p
}

// Go has f run when it is its turn, and never waits. What was not begun when the pool's context ends is not
// run any more. After Wait it panics.
func (p *Pool) Go(f func(context.Context) error) {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		panic("sched: Go of a Pool after Wait")
	}
	p.queue = append(p.queue, f)
	p.start()
	p.mu.Unlock()
}

// Wait waits for all functions and returns the first error among them, or else why the context ended, if functions
// were left out for it. If one of them panicked, Wait panics with a [*PanicError].
func (p *Pool) Wait() error {
	stop := context.AfterFunc(p.ctx, p.drop)
	p.mu.Lock()
	for p.running > 0 || len(p.queue) > 0 {
		p.idle.Wait()
	}
	p.ended = true
	err := p.err
	p.mu.Unlock()
	stop()
	p.cancel(errWaited)
	var crash *PanicError
	if errors.As(err, &crash) && crash.pool == p {
		panic(crash)
	}
	return err
}

var errWaited = errors.New("the pool has been waited for")

// PanicError is what Wait panics with after a function of the pool did.
type PanicError struct {
	Value any    // what the function panicked with
	Stack []byte // of its goroutine

	pool *Pool
}

// Error implements error.
func (e *PanicError) Error() string {
	return fmt.Sprintf("a function of the pool panicked: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap is the value, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// start begins what there is room for. The lock is held.
func (p *Pool) start() {
	for p.running < p.width && len(p.queue) > 0 {
		p.running++
		go p.work(p.pop())
	}
	p.expect()
}

// pop takes the oldest function. The lock is held.
func (p *Pool) pop() func(context.Context) error {
	f := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return f
}

// work runs a function and then what is next.
func (p *Pool) work(f func(context.Context) error) {
	for f != nil && p.run(f) {
		f = p.next()
	}
}

// next is what a goroutine runs next, nil if there is nothing, or no room for it any more.
func (p *Pool) next() (f func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 && p.running <= p.width {
		f = p.pop()
	} else {
		p.running--
	}
	p.settle()
	return f
}

// settle says how much there is to do, and wakes Wait when it is nothing. The lock is held.
func (p *Pool) settle() {
	p.expect()
	if p.running == 0 && len(p.queue) == 0 {
		p.idle.Broadcast()
	}
}

// run runs one function and reports whether its goroutine goes on.
func (p *Pool) run(f func(context.Context) error) (alive bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			p.fail(&PanicError{Value: v, Stack: debug.Stack(), pool: p})
			alive = true
			return
		}
		// The function ended its goroutine: another takes its place.
		p.fail(errGoexit)
		if next := p.next(); next != nil {
			go p.work(next)
		}
	}()
	if p.ctx.Err() != nil {
		p.fail(context.Cause(p.ctx))
	} else if err := f(p.ctx); err != nil {
		p.fail(err)
	}
	returned = true
	return true
}

var errGoexit = errors.New("a function of the pool ended its goroutine")

// fail keeps the first error, and a panic before any, and ends the context.
func (p *Pool) fail(err error) {
	p.mu.Lock()
	if _, crash := err.(*PanicError); p.err == nil || crash {
		p.err = err
	}
	p.mu.Unlock()
	p.cancel(err)
	p.drop()
}

// drop forgets what was not begun when the context has ended.
func (p *Pool) drop() {
	p.mu.Lock()
	if len(p.queue) > 0 && p.err == nil {
		p.err = context.Cause(p.ctx)
	}
	p.queue = nil
	p.settle()
	p.mu.Unlock()
}

// widen takes in how many vCPUs there are.
func (p *Pool) widen(vcpus int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.width = vcpus
	p.start()
}

// expect tells the agent how many vCPUs there is work for. The lock is held, so that the newest is told last.
func (p *Pool) expect() {
	if p.agent != nil {
		p.agent.Expect(p, p.running+len(p.queue))
	}
}
