package hvcall

import (
	"errors"
	"fmt"
)

// Send sends a statement: nothing comes back. It waits while the peer does not read, until the
// conversation ends.
func (c *Conn) Send(op Op, payload []byte) error {
	if err := c.state(Frame{Header: Header{Op: op}, Payload: payload}); err != nil {
		return fmt.Errorf("send %s: %w", op, err)
	}
	return nil
}

// state writes a frame from the shared buffer.
func (c *Conn) state(f Frame) error {
	if err := c.fits(f); err != nil {
		return err
	}
	c.wmu.Lock()
	c.wbuf = AppendFrame(c.wbuf[:0], f)
	half, err := c.put(c.wbuf)
	c.wmu.Unlock()
	return c.sent(half, err)
}

// encode makes a frame's bytes in a buffer of its own.
func encode(f Frame) []byte { return AppendFrame(make([]byte, 0, HeaderSize+len(f.Payload)), f) }

// transmit writes a frame that encode made.
func (c *Conn) transmit(frame []byte) error {
	c.wmu.Lock()
	half, err := c.put(frame)
	c.wmu.Unlock()
	return c.sent(half, err)
}

// fits checks a payload against what the peer said it accepts. Sent all the same, it would end the
// conversation at the other side, where nobody could tell why.
func (c *Conn) fits(f Frame) error {
	if most := c.most.Load(); uint64(len(f.Payload)) > uint64(most) {
		return fmt.Errorf("payload of %d bytes is above the peer's limit of %d", len(f.Payload), most)
	}
	return nil
}

// put puts a frame on the wire in one piece, so that frames of several goroutines never mix. It
// reports whether only a part of it went out. Called with wmu held.
func (c *Conn) put(frame []byte) (half bool, err error) {
	select {
	case <-c.closed:
		return false, ErrClosed
	default:
	}
	if c.stuck != nil {
		c.stuck.Reset(c.limits.Stuck)
		defer c.stuck.Stop()
	}
	n, err := c.rw.Write(frame)
	return err != nil && n > 0 && !errors.Is(err, ErrAway), err
}

// sent judges a write. After half a frame the peer cannot find the next one: the conversation is
// over. After nothing at all it is the reader's to notice: an answer may still be on its way.
func (c *Conn) sent(half bool, err error) error {
	if half {
		c.shut(fmt.Errorf("write frame: %w", err))
	}
	if err != nil && c.reason() != nil {
		return ErrClosed
	}
	return err
}
