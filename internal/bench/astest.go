package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// asTest runs f as a test runs, and cleans up after it, for what is made for tests.
func asTest(ctx context.Context, cfg Config, f func(testing.TB)) error {
	t := &rig{ctx: ctx, out: cfg.Out}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.cleanUp()
		f(t)
	}()
	<-done
	return t.err
}

// rig is as much of a test as package movetest needs.
type rig struct {
	testing.TB // nil: what is not here is not used
	ctx        context.Context
	out        io.Writer
	err        error
	cleanups   []func()
}

func (r *rig) Helper()                  {}
func (r *rig) Context() context.Context { return r.ctx }
func (r *rig) Failed() bool             { return r.err != nil }
func (r *rig) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *rig) Log(args ...any)          { fmt.Fprintln(r.out, args...) }
func (r *rig) Logf(f string, args ...any) {
	fmt.Fprintf(r.out, f+"\n", args...)
}
func (r *rig) Errorf(f string, args ...any) { r.err = errors.Join(r.err, fmt.Errorf(f, args...)) }
func (r *rig) Error(args ...any)            { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *rig) Fatal(args ...any)            { r.Error(args...); runtime.Goexit() }
func (r *rig) Fatalf(f string, args ...any) { r.Errorf(f, args...); runtime.Goexit() }
func (r *rig) Skipf(f string, args ...any)  { r.Fatalf(f, args...) }

func (r *rig) cleanUp() {
	for len(r.cleanups) > 0 {
		f := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		f()
	}
}
