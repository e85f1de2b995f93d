package sched

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// granted is an agent of a program that may use so many vCPUs.
func granted(t *testing.T, vcpus int) *Agent {
	t.Helper()
	old := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
	a := New(Config{Max: 8}, nil, func(Statement) {})
	runtime.GOMAXPROCS(1) // as Run does at its begin
	a.Grant(uint32(vcpus) * 1000)
	return a
}

func TestPoolIsAsWideAsTheGrant(t *testing.T) {
	a := granted(t, 2)
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(t.Context(), a)
		var running atomic.Int32
		more := make(chan struct{})
		for range 8 {
			p.Go(func(context.Context) error {
				running.Add(1)
				<-more
				running.Add(-1)
				return nil
			})
		}
		expect := func(what string, n int32) {
			t.Helper()
			synctest.Wait()
			if got := running.Load(); got != n {
				t.Fatalf("%s: %d run, want %d", what, got, n)
			}
		}
		expect("two granted", 2)
		a.Grant(4000)
		expect("four granted", 4)
		a.Grant(1000)
		expect("narrowed: what runs goes on", 4)
		for range 3 { // three end, and none takes their place
			more <- struct{}{}
		}
		expect("three ended", 1)
		more <- struct{}{}
		expect("the fifth", 1)
		close(more)
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	})
	if len(a.expects) != 0 || len(a.hearers.list) != 0 {
		t.Errorf("the pool is over, and the agent expects %v and tells %d", a.expects, len(a.hearers.list))
	}
}

// TestPoolDemandsForWhatWaits: the scheduler sees two goroutines, the pool knows of ten.
func TestPoolDemandsForWhatWaits(t *testing.T) {
	a := granted(t, 1)
	p := NewPool(t.Context(), a)
	stop := make(chan struct{})
	for range 10 {
		p.Go(func(context.Context) error { <-stop; return nil })
	}
	if s := a.read().withExpected(); s.could() < 9 {
		t.Errorf("the governor is told %+v", s)
	}
	close(stop)
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPoolFailures(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name string
		f    func(context.Context) error
		want error
	}{
		{"error", func(context.Context) error { return boom }, boom},
		{"goexit", func(context.Context) error { runtime.Goexit(); return nil }, errGoexit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewPool(t.Context(), nil)
				p.Go(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }) // the first failure ends the others
				p.Go(c.f)
				var late atomic.Int32
				for range 100 {
					p.Go(func(context.Context) error { time.Sleep(time.Second); late.Add(1); return nil })
				}
				if err := p.Wait(); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if n := late.Load(); int(n) > runtime.GOMAXPROCS(0) {
					t.Errorf("%d functions ran after the failure", n)
				}
			})
		})
	}
}

func TestPoolPanicsInWait(t *testing.T) {
	p := NewPool(t.Context(), nil)
	p.Go(func(context.Context) error { explode(); return nil })
	defer func() {
		crash, ok := recover().(*PanicError)
		if !ok || crash.Value != "a spark" || !strings.Contains(string(crash.Stack), "explode") || !strings.Contains(crash.Error(), "a spark") {
			t.Errorf("recovered %+v", crash)
		}
	}()
	err := p.Wait()
	t.Errorf("Wait returned %v", err)
}

func explode() { panic("a spark") }

func TestPoolEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("shut down")
		ctx, cancel := context.WithCancelCause(t.Context())
		p := NewPool(ctx, nil)
		for range 100 {
			p.Go(func(ctx context.Context) error { <-ctx.Done(); return nil })
		}
		time.AfterFunc(time.Minute, func() { cancel(why) })
		if err := p.Wait(); !errors.Is(err, why) {
			t.Errorf("got %v, want %v", err, why)
		}
		defer func() {
			if recover() == nil {
				t.Error("Go after Wait")
			}
		}()
		p.Go(func(context.Context) error { return nil })
	})
}

func TestOnGrantHearsEachChangeOnce(t *testing.T) {
	a := granted(t, 1)
	var heard []int
	a.OnGrant(func(n int) { heard = append(heard, n) })
	for _, milli := range []uint32{1000, 2000, 1500, 250, 3000} {
		a.Grant(milli)
	}
	want := []int{1, 2, 1, 3}
	if !slices.Equal(heard, want) {
		t.Fatalf("heard %v, want %v", heard, want)
	}
	var late []int
	a.spread.Store(2) // GOMAXPROCS is changed, and nobody is told yet
	a.OnGrant(func(n int) { late = append(late, n) })
	a.tell()
	if heard[len(heard)-1] != 2 || !slices.Equal(late, []int{2}) {
		t.Errorf("who came in between heard %v, who was there before %v", late, heard)
	}
	var none *Agent
	none.OnGrant(func(n int) {
		if n != runtime.GOMAXPROCS(0) {
			t.Errorf("without a guest: %d", n)
		}
	})
}
