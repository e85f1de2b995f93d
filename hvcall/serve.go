package hvcall

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Serve reads frames until the conversation ends and hands them to h (nil refuses everything).
// It returns nil after Close or a clean end by the peer, the cause when ctx ended, else what went
// wrong. No handler runs any more when it returns.
func (c *Conn) Serve(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.shut(context.Cause(ctx)) })
	defer stop()
	var calls sync.WaitGroup
	c.shut(c.read(ctx, h, &calls))
	cancel()
	calls.Wait()
	if err := c.reason(); !errors.Is(err, ErrClosed) && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (c *Conn) read(ctx context.Context, h Handler, calls *sync.WaitGroup) error {
	pace := rate.NewLimiter(rate.Limit(c.limits.Frames), c.limits.Burst)
	slots := make(chan struct{}, c.limits.Calls)
	in, skip := frameReader{r: c.rw, max: c.limits.MaxFrame}, c.limits.Skip
	warn := rate.Sometimes{First: 3, Interval: 10 * time.Second} // the peer must not fill our log either
	for {
		// A flood is met by reading slower: the peer's own buffers fill up, not ours.
		if err := c.pace(ctx, pace); err != nil {
			return err
		}
		f, skipped, err := in.next(skip)
		skip -= skipped
		if errors.Is(err, ErrAway) || skipped > 0 {
			c.interrupted()
		}
		switch {
		case errors.Is(err, ErrAway):
			continue // half a frame goes with who sent it
		case err != nil:
			return err
		}
		switch {
		case f.Flags&FlagReply != 0:
			c.deliver(f)
		case f.Flags&FlagCall != 0 && f.Op == OpHeartbeat:
			c.beat(f)
		case f.Flags&FlagCall != 0:
			c.serveCall(ctx, h, f, slots, calls)
		default:
			if _, err := handle(ctx, h, f); err != nil {
				c.blame(err)
				warn.Do(func() { c.log.Warn("statement refused", "op", f.Op, "err", err) })
			}
		}
	}
}

// pace waits until one more frame may be read.
func (c *Conn) pace(ctx context.Context, l *rate.Limiter) error {
	if l.Allow() {
		return nil
	}
	began := time.Now()
	err := l.Wait(ctx)
	c.held.Add(int64(time.Since(began)))
	if err != nil {
		return cmp.Or(context.Cause(ctx), context.DeadlineExceeded)
	}
	return nil
}

// interrupted sees to what nobody will answer any more.
func (c *Conn) interrupted() {
	c.Lost()
	if c.away != nil {
		c.away()
	}
}

func (c *Conn) serveCall(ctx context.Context, h Handler, f Frame, slots chan struct{}, calls *sync.WaitGroup) {
	select {
	case slots <- struct{}{}:
	default:
		c.reply(f, nil, &Fault{Op: f.Op, Code: CodeBusy})
		return
	}
	calls.Go(func() {
		defer func() { <-slots }()
		payload, err := handle(ctx, h, f)
		c.blame(err)
		c.reply(f, payload, err)
	})
}

// beat answers a heartbeat: a side that is alive must say so whatever its handler does. It is done by the
// reader itself and from the shared buffer, because an application that waits for memory has none for a goroutine.
func (c *Conn) beat(f Frame) {
	if len(f.Payload) > maxHeartbeat {
		c.reply(f, nil, &Fault{Op: f.Op, Code: CodeInvalid, Text: "heartbeat too long"})
		return
	}
	if err := c.state(Frame{Header: Header{Op: f.Op, Flags: FlagReply, Seq: f.Seq}, Payload: f.Payload}); err != nil {
		c.log.Debug("reply not sent", "op", f.Op, "err", err)
	}
}

// blame counts what the peer should not have sent. That something else went wrong is not its fault, nor that its host was replaced
// before it could say Hello again.
func (c *Conn) blame(err error) {
	var bad *FrameError
	var fault *Fault
	if errors.As(err, &bad) || errors.As(err, &fault) && (fault.Code == CodeUnknown || fault.Code == CodeInvalid) {
		c.bad.Add(1)
	}
}

func handle(ctx context.Context, h Handler, f Frame) ([]byte, error) {
	if h == nil {
		return nil, &Fault{Op: f.Op, Code: CodeUnknown}
	}
	return h(ctx, f)
}

func (c *Conn) reply(f Frame, payload []byte, err error) {
	out := Frame{Header: Header{Op: f.Op, Flags: FlagReply, Seq: f.Seq}, Payload: payload}
	if err != nil {
		var fault *Fault
		if !errors.As(err, &fault) {
			fault = &Fault{Op: f.Op, Code: codeOf(err), Text: err.Error()}
		}
		out.Flags |= FlagError
		out.Payload = fault.encode()
	}
	if err := c.fits(out); err != nil {
		out.Flags |= FlagError
		out.Payload = (&Fault{Op: f.Op, Code: CodeInternal, Text: err.Error()}).encode()
	}
	if err := c.transmit(encode(out)); err != nil {
		c.log.Debug("reply not sent", "op", f.Op, "err", err)
	}
}

func codeOf(err error) Code {
	var bad *FrameError
	if errors.As(err, &bad) {
		return CodeInvalid
	}
	return CodeInternal
}

func (c *Conn) deliver(f Frame) {
	c.mu.Lock()
	ch := c.waiting[f.Seq]
	delete(c.waiting, f.Seq)
	c.mu.Unlock()
	if ch == nil {
		c.log.Debug("reply nobody waits for", "op", f.Op, "seq", f.Seq)
		return
	}
	if f.Flags&FlagError != 0 {
		ch <- result{err: decodeFault(f.Op, f.Payload)}
		return
	}
	ch <- result{payload: f.Payload}
}
