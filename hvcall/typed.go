package hvcall

import (
	"context"
	"fmt"
	"time"
)

// SayHello introduces this side and returns the answer. From then on both know the largest frame
// the other accepts; the side that answers calls SetPeerMax with Hello.MaxFrame.
func (c *Conn) SayHello(ctx context.Context, h Hello) (Welcome, error) {
	if h.MaxFrame == 0 {
		h.MaxFrame = c.limits.MaxFrame
	}
	b, err := c.Call(ctx, OpHello, h.Encode())
	if err != nil {
		return Welcome{}, err
	}
	w, err := DecodeWelcome(b)
	if err == nil {
		c.SetPeerMax(w.MaxFrame)
	}
	return w, err
}

// SendDemand states what this side wants to hold.
func (c *Conn) SendDemand(d Demand) error {
	var buf [demandSize]byte
	return c.Send(OpDemand, d.AppendTo(buf[:0]))
}

// SendGrant states what the peer may hold.
func (c *Conn) SendGrant(g Grant) error {
	var buf [grantSize]byte
	return c.Send(OpGrant, g.AppendTo(buf[:0]))
}

// SendSteal states how much of what the peer may use was taken from it.
func (c *Conn) SendSteal(s Steal) error {
	var buf [stealSize]byte
	return c.Send(OpSteal, s.AppendTo(buf[:0]))
}

// SendUsage states what this side uses.
func (c *Conn) SendUsage(u Usage) error {
	var buf [usageSize]byte
	return c.Send(OpUsage, u.AppendTo(buf[:0]))
}

// SendReady states that the application serves.
func (c *Conn) SendReady() error { return c.Send(OpReady, nil) }

// SendLog sends output, in as many frames as it takes.
func (c *Conn) SendLog(s Stream, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), MaxLog)
		if err := c.Send(OpLog, Log{Stream: s, Data: data[:n]}.AppendTo(nil)); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// PutLog sends output of at most MaxLog bytes and waits until the peer has taken it over. Sent again after
// ErrAway, it may be there twice.
func (c *Conn) PutLog(ctx context.Context, s Stream, data []byte) error {
	_, err := c.Call(ctx, OpLog, Log{Stream: s, Data: data}.AppendTo(nil))
	return err
}

// SendExit reports how the application ended and waits until the host has it, so that the guest
// may power off afterwards.
func (c *Conn) SendExit(ctx context.Context, e Exit) error {
	_, err := c.Call(ctx, OpExit, e.Encode())
	return err
}

// AskShutdown asks the peer to end by itself.
func (c *Conn) AskShutdown(ctx context.Context, s Shutdown) error {
	_, err := c.Call(ctx, OpShutdown, s.AppendTo(nil))
	return err
}

// TellMigrate tells the peer how far its move is; of PhasePrepare it returns when the peer is prepared.
func (c *Conn) TellMigrate(ctx context.Context, m Migrate) error {
	_, err := c.Call(ctx, OpMigrate, m.Encode())
	return err
}

// AskTime asks for the host's clock.
func (c *Conn) AskTime(ctx context.Context) (Clock, error) {
	b, err := c.Call(ctx, OpTime, nil)
	if err != nil {
		return Clock{}, err
	}
	return DecodeClock(b)
}

// RoundTrip sends a heartbeat and returns how long the answer took.
func (c *Conn) RoundTrip(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	sent := appendU64(nil, uint64(start.UnixNano()))
	got, err := c.Call(ctx, OpHeartbeat, sent)
	if err != nil {
		return 0, err
	}
	if string(got) != string(sent) {
		return 0, fmt.Errorf("call %s: the answer is not what was sent", OpHeartbeat)
	}
	return time.Since(start), nil
}
