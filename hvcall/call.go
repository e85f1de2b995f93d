package hvcall

import (
	"context"
	"errors"
	"fmt"
)

type result struct {
	payload []byte
	err     error
}

// Call sends a call and waits for its reply, until ctx ends. A refusal is a *[Fault].
func (c *Conn) Call(ctx context.Context, op Op, payload []byte) ([]byte, error) {
	ch := make(chan result, 2) // a reply, and an error of our own write: neither may block its sender
	seq, err := c.enroll(ch)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", op, err)
	}
	defer c.forget(seq)
	f := Frame{Header: Header{Op: op, Flags: FlagCall, Seq: seq}, Payload: payload}
	if err := c.fits(f); err != nil {
		return nil, fmt.Errorf("call %s: %w", op, err)
	}
	frame := encode(f) // not the shared buffer: it may have to outlive this call
	// A peer that does not read must not keep us longer than ctx says, and half a frame cannot be
	// taken back: the write goes on by itself until the peer reads or the conversation ends.
	go func() {
		if err := c.transmit(frame); err != nil {
			ch <- result{err: err}
		}
	}()
	return c.await(ctx, op, ch)
}

// await waits for what ch brings. A reply that came before the end of the conversation counts,
// however close the two are.
func (c *Conn) await(ctx context.Context, op Op, ch <-chan result) ([]byte, error) {
	select {
	case r := <-ch:
		return finish(op, r)
	case <-ctx.Done():
		return nil, fmt.Errorf("call %s: %w", op, ctx.Err())
	case <-c.closed:
	}
	select {
	case r := <-ch:
		return finish(op, r)
	default:
		return nil, fmt.Errorf("call %s: %w", op, ErrClosed)
	}
}

// finish leaves a refusal by the peer as it is and names the call in every other error.
func finish(op Op, r result) ([]byte, error) {
	var fault *Fault
	if r.err != nil && !errors.As(r.err, &fault) {
		return nil, fmt.Errorf("call %s: %w", op, r.err)
	}
	return r.payload, r.err
}

func (c *Conn) enroll(ch chan result) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, ErrClosed
	}
	for {
		c.seq++
		if _, taken := c.waiting[c.seq]; c.seq != 0 && !taken {
			break
		}
	}
	c.waiting[c.seq] = ch
	return c.seq, nil
}

func (c *Conn) forget(seq uint32) {
	c.mu.Lock()
	delete(c.waiting, seq)
	c.mu.Unlock()
}
