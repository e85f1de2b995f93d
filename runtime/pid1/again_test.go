package pid1

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// talk makes a guest without an application that speaks to a host, and serves both ends until the test ends.
func talk(t *testing.T, h hvcall.Handler) *guest {
	t.Helper()
	near, far := hvcall.Pipe()
	g := &guest{control: make(chan *control, 1), again: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler)}
	g.host = hvcall.NewConn(near, hvcall.Config{Away: g.helloAgain})
	host := hvcall.NewConn(far, hvcall.Config{})
	for conn, handler := range map[*hvcall.Conn]hvcall.Handler{g.host: g.fromHost, host: h} {
		go func() { _ = conn.Serve(context.Background(), handler) }() // ended by the close below
		t.Cleanup(func() { conn.Close() })
	}
	introducing := make(chan struct{})
	go func() { g.reintroduce(); close(introducing) }()
	t.Cleanup(func() { close(g.again); <-introducing })
	return g
}

// TestNewHost: a host that does not know the guest is told Hello, and Ready, and then takes what was on its way.
func TestNewHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var known, ready atomic.Bool
		var refused atomic.Int32
		var taken []byte
		g := talk(t, func(_ context.Context, f hvcall.Frame) ([]byte, error) {
			switch {
			case f.Op == hvcall.OpHello:
				known.Store(true)
				return hvcall.Welcome{Name: "a", Memory: hvcall.MemoryBounds{Boot: 1, Max: 1}}.Encode(), nil
			case !known.Load():
				refused.Add(1)
				return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeOrder}
			case f.Op == hvcall.OpReady:
				ready.Store(true)
			case f.Op == hvcall.OpLog:
				l, err := hvcall.DecodeLog(f.Payload)
				taken = append(taken, l.Data...)
				return nil, err
			}
			return nil, nil
		})
		g.ready.Store(true)
		if err := g.output(hvcall.StreamOut, []byte("line\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if string(taken) != "line\n" || refused.Load() == 0 || !ready.Load() {
			t.Errorf("taken %q, refused %d times, ready %v", taken, refused.Load(), ready.Load())
		}
	})
}

// TestNobodyTakesIt: what no host takes is given up after its time, and at once when the conversation has ended.
func TestNobodyTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := talk(t, func(context.Context, hvcall.Frame) ([]byte, error) { return nil, &hvcall.Fault{Code: hvcall.CodeBusy} })
		start := time.Now()
		err := g.untilTaken(time.Minute, func(ctx context.Context) error { return g.host.SendExit(ctx, hvcall.Exit{Cause: hvcall.CauseExit}) })
		if took := time.Since(start); err == nil || took < time.Minute || took > 2*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		g.host.Close()
		if err := g.output(hvcall.StreamOut, []byte("x")); !errors.Is(err, hvcall.ErrClosed) {
			t.Errorf("%v, want %v", err, hvcall.ErrClosed)
		}
	})
}

// TestHelloRefused: a host that has no time is asked again after a pause, and one that refuses the guest is not.
func TestHelloRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codes := []hvcall.Code{hvcall.CodeBusy, hvcall.CodeBusy, hvcall.CodeInvalid}
		var asked atomic.Int32
		g := talk(t, func(_ context.Context, f hvcall.Frame) ([]byte, error) {
			return nil, &hvcall.Fault{Op: f.Op, Code: codes[min(int(asked.Add(1)), len(codes))-1]}
		})
		began := time.Now()
		_, err := g.hello()
		var fault *hvcall.Fault
		if !errors.As(err, &fault) || fault.Code != hvcall.CodeInvalid || int(asked.Load()) != len(codes) {
			t.Errorf("%v after Hello was said %d times", err, asked.Load())
		}
		if took := time.Since(began); took < 2*retryAfter || took >= helloEvery {
			t.Errorf("refused after %v", took)
		}
	})
}
