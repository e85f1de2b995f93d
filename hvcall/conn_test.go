package hvcall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// side is one end of a conversation under test, served until the test ends.
type side struct {
	*Conn
	served chan error // what Serve returned
}

func serve(t *testing.T, rw net.Conn, cfg Config, h Handler) side {
	s := side{NewConn(rw, cfg), make(chan error, 1)}
	go func() { s.served <- s.Serve(t.Context(), h) }()
	t.Cleanup(func() { s.Close() })
	return s
}

// pair serves both ends of a pipe; the guest refuses what it is asked.
func pair(t *testing.T, cfg Config, host Handler) (guest, served side) {
	g, h := Pipe()
	return serve(t, g, Config{}, nil), serve(t, h, cfg, host)
}

// echo answers a call with its payload.
func echo(_ context.Context, f Frame) ([]byte, error) { return f.Payload, nil }

func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := pair(t, Config{}, echo)
		got, err := g.Call(t.Context(), OpTime, []byte("ping"))
		if err != nil || string(got) != "ping" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestCallRefused(t *testing.T) {
	cases := []struct {
		name string
		host Handler
		want Fault
	}{
		{"unknown operation", nil, Fault{OpTime, CodeUnknown, ""}},
		{"a fault as it is", func(context.Context, Frame) ([]byte, error) {
			return nil, fmt.Errorf("judge: %w", &Fault{OpTime, CodeOrder, "hello first"})
		}, Fault{OpTime, CodeOrder, "hello first"}},
		{"a bad field", func(_ context.Context, f Frame) ([]byte, error) { return nil, second(DecodeDemand(f.Payload)) },
			Fault{OpTime, CodeInvalid, "decode frame: demand size 0: not the fixed size of the operation"}},
		{"another error", func(context.Context, Frame) ([]byte, error) { return nil, io.ErrNoProgress },
			Fault{OpTime, CodeInternal, io.ErrNoProgress.Error()}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, h := pair(t, Config{}, c.host)
				_, err := g.Call(t.Context(), OpTime, nil)
				var fault *Fault
				if !errors.As(err, &fault) || *fault != c.want {
					t.Errorf("got %v, want %v", err, &c.want)
				}
				if err := g.Send(OpTime, nil); err != nil { // a statement is not answered
					t.Error(err)
				}
				synctest.Wait()
				want := uint64(2)
				if c.want.Code == CodeInternal || c.want.Code == CodeOrder { // not the peer's fault
					want = 0
				}
				if got := h.Breaches(); got != want {
					t.Errorf("%d breaches, want %d", got, want)
				}
			})
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestCallsConcurrent: answers that come in another order reach the caller that asked.
func TestCallsConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := pair(t, Config{}, func(_ context.Context, f Frame) ([]byte, error) {
			time.Sleep(time.Duration(100-f.Payload[0]) * time.Millisecond) // the last asked is answered first
			return f.Payload, nil
		})
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				got, err := g.Call(t.Context(), OpTime, []byte{byte(i)})
				if err != nil || got[0] != byte(i) {
					t.Errorf("call %d: %v, %v", i, got, err)
				}
			})
		}
		all.Wait()
	})
}

// TestStatementsInOrder: many senders, whole frames, and each sender's in its order.
func TestStatementsInOrder(t *testing.T) {
	const senders, each = 8, 200
	synctest.Test(t, func(t *testing.T) {
		got := make(map[uint64][]uint64)
		g, h := pair(t, Config{}, func(_ context.Context, f Frame) ([]byte, error) {
			d, err := DecodeDemand(f.Payload)
			got[d.IO] = append(got[d.IO], d.Revision) // no lock: statements are handled one after the other
			return nil, err
		})
		var all sync.WaitGroup
		for s := range senders {
			all.Go(func() {
				for n := range each {
					if err := g.SendDemand(Demand{Revision: uint64(n), IO: uint64(s)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		synctest.Wait()
		g.Close()
		if err := <-h.served; err != nil {
			t.Errorf("serve: %v", err)
		}
		for s := range uint64(senders) {
			for n, rev := range got[s] {
				if rev != uint64(n) {
					t.Fatalf("sender %d: statement %d came as number %d", s, rev, n)
				}
			}
			if len(got[s]) != each {
				t.Errorf("sender %d: %d statements, want %d", s, len(got[s]), each)
			}
		}
	})
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g, _ := pair(t, Config{Limits: Limits{Calls: 2}}, func(context.Context, Frame) ([]byte, error) {
			<-release
			return nil, nil
		})
		results := make(chan error, 2)
		for range 2 {
			go func() { results <- second(g.Call(t.Context(), OpTime, nil)) }()
		}
		synctest.Wait()
		_, err := g.Call(t.Context(), OpTime, nil)
		var fault *Fault
		if !errors.As(err, &fault) || fault.Code != CodeBusy {
			t.Errorf("third call: %v, want busy", err)
		}
		close(release)
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if _, err := g.Call(t.Context(), OpTime, nil); err != nil {
			t.Errorf("a call after the others ended: %v", err)
		}
	})
}

func TestContextEndsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent, _ := pair(t, Config{}, func(ctx context.Context, _ Frame) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		g, _ := Pipe() // a peer that does not even read
		deaf := serve(t, g, Config{}, nil)
		for name, c := range map[string]side{"no answer": silent, "no reader": deaf} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			_, err := c.Call(ctx, OpTime, nil)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		}
	})
}

func TestContextEndsServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := Pipe()
		why := errors.New("the guest moved away")
		ctx, cancel := context.WithCancelCause(t.Context())
		c := NewConn(g, Config{})
		done := make(chan error)
		go func() { done <- c.Serve(ctx, nil) }()
		synctest.Wait()
		cancel(why)
		if err := <-done; !errors.Is(err, why) {
			t.Errorf("serve: %v, want %v", err, why)
		}
		if err := c.SendReady(); !errors.Is(err, ErrClosed) {
			t.Errorf("send after the end: %v", err)
		}
	})
}

// TestServeWaitsForHandlers: after Serve returned nothing of it runs.
func TestServeWaitsForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended bool
		g, h := pair(t, Config{}, func(ctx context.Context, _ Frame) ([]byte, error) {
			<-ctx.Done() // the end of the conversation cancels what it asked for
			time.Sleep(time.Minute)
			ended = true
			return nil, nil
		})
		go g.Call(t.Context(), OpTime, nil)
		synctest.Wait()
		h.Close()
		if err := <-h.served; err != nil || !ended {
			t.Errorf("serve returned %v, handler ended: %v", err, ended)
		}
	})
}

func TestCloseWhileCalling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := pair(t, Config{}, func(ctx context.Context, _ Frame) ([]byte, error) {
			<-ctx.Done()
			return nil, nil
		})
		result := make(chan error)
		go func() { result <- second(g.Call(t.Context(), OpTime, nil)) }()
		synctest.Wait()
		if err := errors.Join(g.Close(), g.Close()); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, ErrClosed) {
			t.Errorf("waiting call: %v", err)
		}
		if _, err := g.Call(t.Context(), OpTime, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("call after close: %v", err)
		}
		if err := <-g.served; err != nil {
			t.Errorf("serve: %v", err)
		}
		<-g.Done()
	})
}

func TestPeerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, h := pair(t, Config{}, func(ctx context.Context, _ Frame) ([]byte, error) {
			<-ctx.Done()
			return nil, nil
		})
		result := make(chan error)
		go func() { result <- second(g.Call(t.Context(), OpTime, nil)) }()
		synctest.Wait()
		h.Close()
		if err := <-result; !errors.Is(err, ErrClosed) {
			t.Errorf("waiting call: %v", err)
		}
		if err := <-g.served; err != nil {
			t.Errorf("a clean end by the peer is no error: %v", err)
		}
	})
}

// TestReplyThenEnd: an answer that came before the end counts, however close the two are. The
// guest's Exit ends that way.
func TestReplyThenEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, h := Pipe()
		c := serve(t, g, Config{}, nil)
		go func() {
			f, err := ReadFrame(h, DefaultMaxFrame)
			if err != nil {
				t.Error(err)
			}
			h.Write(AppendFrame(nil, reply(f.Op, f.Seq, nil)))
			h.Close()
		}()
		if err := c.SendExit(t.Context(), goldenExit); err != nil {
			t.Error(err)
		}
	})
	c := NewConn(sink{make(chan struct{})}, Config{})
	c.Close()
	for range 100 { // both are there before the caller looks: which one it sees must not be chance
		ch := make(chan result, 1)
		ch <- result{payload: []byte("answer")}
		if got, err := c.await(t.Context(), OpExit, ch); err != nil || string(got) != "answer" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestHeartbeatWithoutHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := pair(t, Config{}, nil)
		if _, err := g.RoundTrip(t.Context()); err != nil {
			t.Error(err)
		}
		_, err := g.Call(t.Context(), OpHeartbeat, make([]byte, maxHeartbeat+1))
		var fault *Fault
		if !errors.As(err, &fault) || fault.Code != CodeInvalid {
			t.Errorf("a long heartbeat: %v", err)
		}
	})
}
