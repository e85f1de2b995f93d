package hvcall

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// stretches is a transport of which each stretch was sent by another host; between them it says ErrAway where
// that was noticed.
type stretches struct {
	parts   [][]byte
	noticed bool
}

func (s *stretches) Read(b []byte) (int, error) {
	for len(s.parts) > 0 {
		if len(s.parts[0]) > 0 {
			n := copy(b, s.parts[0])
			s.parts[0] = s.parts[0][n:]
			return n, nil
		}
		s.parts = s.parts[1:]
		if s.noticed && len(s.parts) > 0 {
			return 0, ErrAway
		}
	}
	return 0, io.EOF
}

func (s *stretches) Write(b []byte) (int, error) { return len(b), nil }
func (s *stretches) Close() error                { return nil }

// TestHostCutOff: of a host that was cut off anywhere, inside of a frame too, and another in its place, all whole frames
// of the first and, at the latest from the second one on, all of the next are heard; and it is known that there was a change.
func TestHostCutOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frame := func(serial uint64) []byte {
			return encode(Frame{Header: Header{Op: OpGrant}, Payload: Grant{Serial: serial, Memory: 1 << 20}.AppendTo(nil)})
		}
		noticed := rapid.Bool().Draw(t, "noticed")
		first := append(frame(1), frame(2)...)
		cut := rapid.IntRange(0, len(first)).Draw(t, "cut")
		var second []byte
		for serial := range uint64(8) {
			second = append(second, frame(100+serial)...)
		}
		var away atomic.Int32
		var heard []uint64
		c := NewConn(&stretches{parts: [][]byte{first[:cut], second}, noticed: noticed},
			Config{Limits: Limits{Skip: 1 << 20}, Away: func() { away.Add(1) }})
		err := c.Serve(context.Background(), func(_ context.Context, f Frame) ([]byte, error) {
			g, err := DecodeGrant(f.Payload)
			if err == nil {
				heard = append(heard, g.Serial)
			}
			return nil, err
		})
		if err != nil {
			t.Fatal(err)
		}
		size := len(first) / 2
		whole := cut / size
		for i := range whole {
			if len(heard) <= i || heard[i] != uint64(i+1) {
				t.Fatalf("cut at %d: heard %v", cut, heard)
			}
		}
		rest := heard[whole:]
		if noticed && len(rest) != 8 || len(rest) < 6 {
			t.Fatalf("cut at %d, noticed %v: heard %v", cut, noticed, heard)
		}
		if (noticed || cut%size != 0) && away.Load() == 0 {
			t.Fatalf("cut at %d: nobody was told", cut)
		}
	})
}

// TestSkipEnds: a peer that sends nothing but garbage is not read for ever.
func TestSkipEnds(t *testing.T) {
	garbage := bytes.Repeat([]byte{'S'}, 5000)
	for skip, want := range map[int64]bool{0: true, 4000: true, 8000: false} {
		c := NewConn(&stretches{parts: [][]byte{garbage}}, Config{Limits: Limits{Skip: skip}})
		var bad *FrameError
		if err := c.Serve(context.Background(), nil); errors.As(err, &bad) != want {
			t.Errorf("skip %d: %v", skip, err)
		}
	}
}

// TestLost: a call to a host that has gone returns, and what the host answers later is nobody's.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, h := Pipe()
		c := serve(t, g, Config{}, nil)
		defer h.Close()
		go io.Copy(io.Discard, h)
		result := make(chan error)
		go func() { result <- c.PutLog(t.Context(), StreamOut, []byte("x")) }()
		synctest.Wait()
		c.Lost()
		if err := <-result; !errors.Is(err, ErrAway) {
			t.Errorf("%v, want %v", err, ErrAway)
		}
	})
}
