package hvcall

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// raw is the other end of a served connection, to be spoken to by hand.
func raw(t *testing.T, cfg Config, h Handler) (net.Conn, side) {
	guest, host := Pipe()
	t.Cleanup(func() { guest.Close() })
	return guest, serve(t, host, cfg, h)
}

// TestGarbage: bytes that are no frame end the conversation with an error that names the field.
func TestGarbage(t *testing.T) {
	good := AppendFrame(nil, call(OpHello, 1, nil))
	for field, wire := range map[string][]byte{
		"magic":  bytes.Repeat([]byte{0xaa}, 64),
		"length": with(good, 8, 4, 1<<31),
		"flags":  with(good, 6, 2, 0xffff),
		"seq":    with(good, 12, 4, 0),
	} {
		t.Run(field, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guest, host := raw(t, Config{}, echo)
				go guest.Write(wire)
				wantField(t, <-host.served, field)
				if _, err := io.Copy(io.Discard, guest); err != nil {
					t.Errorf("the transport was not closed: %v", err)
				}
			})
		})
	}
}

func TestEndInsideFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guest, host := raw(t, Config{}, echo)
		wire := AppendFrame(nil, call(OpHello, 1, []byte("payload")))
		guest.Write(wire[:len(wire)-1])
		guest.Close()
		if err := <-host.served; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("serve: %v", err)
		}
	})
}

// TestStrayReplies: replies that nobody waits for, twice or with an invented number, are dropped.
func TestStrayReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guest, host := raw(t, Config{}, nil)
		go func() {
			f, err := ReadFrame(guest, DefaultMaxFrame)
			if err != nil {
				t.Error(err)
			}
			for _, seq := range []uint32{f.Seq + 1, f.Seq, f.Seq, 1 << 31} {
				guest.Write(AppendFrame(nil, reply(f.Op, seq, []byte{byte(seq)})))
			}
			echoed, err := ReadFrame(guest, DefaultMaxFrame) // the next call: the conversation lives
			if err != nil {
				t.Error(err)
			}
			guest.Write(AppendFrame(nil, reply(f.Op, echoed.Seq, []byte("second"))))
		}()
		got, err := host.Call(t.Context(), OpHeartbeat, nil)
		if err != nil || !bytes.Equal(got, []byte{1}) {
			t.Errorf("first call: % x, %v", got, err)
		}
		if got, err := host.Call(t.Context(), OpHeartbeat, nil); err != nil || string(got) != "second" {
			t.Errorf("second call: %q, %v", got, err)
		}
	})
}

// TestFloodPaced: frames above the rate are read later, not buffered and not dropped.
func TestFloodPaced(t *testing.T) {
	const burst, frames = 10, 60
	synctest.Test(t, func(t *testing.T) {
		var seen int
		guest, host := raw(t, Config{Limits: Limits{Frames: 100, Burst: burst}}, func(context.Context, Frame) ([]byte, error) {
			seen++
			return nil, nil
		})
		start := time.Now()
		for range frames {
			if _, err := guest.Write(AppendFrame(nil, statement(OpReady, nil))); err != nil {
				t.Fatal(err)
			}
		}
		took := time.Since(start)
		guest.Close()
		if err := <-host.served; err != nil || seen != frames {
			t.Errorf("%d of %d frames handled, %v", seen, frames, err)
		}
		// The bucket holds the burst; the others come at 100 a second.
		if want := (frames - burst - 1) * 10 * time.Millisecond; took < want || took > want+20*time.Millisecond {
			t.Errorf("the flood took %v, want about %v", took, want)
		} else if held := host.Held(); held < want || held > want+20*time.Millisecond {
			t.Errorf("frames were held back for %v of %v", held, took)
		}
	})
}

// TestFloodEndsWithContext: a flooded reader still hears its context, deadline or not.
func TestFloodEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guest, host := Pipe()
		defer guest.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := NewConn(host, Config{Limits: Limits{Frames: 0.01, Burst: 1}})
		go guest.Write(AppendFrame(nil, statement(OpReady, nil)))
		if err := c.Serve(ctx, echo); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("serve: %v", err)
		}
	})
}

// TestLogNotFlooded: refused statements do not fill the log.
func TestLogNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		guest, host := raw(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, func(context.Context, Frame) ([]byte, error) {
			return nil, io.ErrNoProgress
		})
		for range 1000 {
			guest.Write(AppendFrame(nil, statement(OpDemand, nil)))
		}
		guest.Close()
		<-host.served
		if n := strings.Count(log.String(), "statement refused"); n == 0 || n > 5 {
			t.Errorf("%d lines for 1,000 refused statements", n)
		}
	})
}

// TestStuckPeer: who says something to a peer that does not read is free again after Limits.Stuck.
func TestStuckPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, host := raw(t, Config{Limits: Limits{Stuck: 5 * time.Second}}, nil)
		start := time.Now()
		if err := host.SendGrant(Grant{}); !errors.Is(err, ErrClosed) {
			t.Errorf("send: %v", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("free after %v", took)
		}
		if err := <-host.served; !errors.Is(err, ErrStuck) {
			t.Errorf("serve: %v", err)
		}
	})
}

// TestSlowPeerIsNotStuck: a peer that reads now and then stays.
func TestSlowPeerIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guest, host := raw(t, Config{Limits: Limits{Stuck: 5 * time.Second}}, nil)
		go func() {
			for {
				time.Sleep(4 * time.Second)
				if _, err := ReadFrame(guest, DefaultMaxFrame); err != nil {
					return
				}
			}
		}()
		for range 10 {
			if err := host.SendGrant(Grant{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute) // an idle conversation does not end either
		select {
		case <-host.Done():
			t.Error("the conversation ended")
		default:
		}
	})
}

// TestTooLong: a payload above what the peer accepts is refused at its sender, a reply too.
func TestTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, h := pair(t, Config{}, func(context.Context, Frame) ([]byte, error) { return make([]byte, 101), nil })
		g.SetPeerMax(100)
		h.SetPeerMax(100)
		const text = "payload of 101 bytes is above the peer's limit of 100"
		if err := g.Send(OpLog, make([]byte, 101)); err == nil || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("send: %v", err)
		}
		if _, err := g.Call(t.Context(), OpTime, make([]byte, 101)); err == nil || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("call: %v", err)
		}
		var fault *Fault
		if _, err := g.Call(t.Context(), OpTime, make([]byte, 100)); !errors.As(err, &fault) || fault.Text != text {
			t.Errorf("reply: %v", err)
		}
		h.SetPeerMax(0)
		if _, err := g.Call(t.Context(), OpTime, nil); err != nil {
			t.Errorf("reply within the default: %v", err)
		}
	})
}

// brokenPipe accepts n bytes and fails.
type brokenPipe struct {
	net.Conn
	n int
}

func (b *brokenPipe) Write(p []byte) (int, error) { return min(b.n, len(p)), io.ErrShortWrite }

// TestHalfFrame: after half a frame the peer cannot find the next one, so the conversation ends;
// after none it goes on, for the answer may be on its way.
func TestHalfFrame(t *testing.T) {
	for n, wantEnd := range map[int]bool{0: false, 5: true} {
		synctest.Test(t, func(t *testing.T) {
			g, h := Pipe()
			defer h.Close()
			c := serve(t, &brokenPipe{g, n}, Config{}, nil)
			if err := c.SendReady(); err == nil {
				t.Error("the failed write was not reported")
			}
			select {
			case <-c.Done():
				if !wantEnd {
					t.Errorf("%d bytes written: the conversation ended", n)
				}
			default:
				if wantEnd {
					t.Errorf("%d bytes written: the conversation goes on", n)
				}
			}
		})
	}
}

// FuzzConn feeds a served connection any bytes: it must end, with or without an error, and answer
// nothing that is not a frame.
func FuzzConn(f *testing.F) {
	for _, g := range goldens {
		f.Add(AppendFrame(nil, g.frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		guest, host := Pipe()
		c := NewConn(host, Config{Limits: Limits{MaxFrame: 4096, Frames: 1e9, Burst: 1 << 20}})
		answers := make(chan error, 1)
		go func() {
			for {
				if _, err := ReadFrame(guest, DefaultMaxFrame); err != nil {
					answers <- err
					return
				}
			}
		}()
		go func() {
			guest.Write(b)
			guest.Close()
		}()
		c.Serve(context.Background(), echo)
		var bad *FrameError
		if err := <-answers; errors.As(err, &bad) {
			t.Errorf("answered with %v", err)
		}
	})
}
