package hvcall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"golang.org/x/time/rate"
)

// Handler answers what the peer sends. For a call it returns the reply's payload or an error; for
// a statement both are dropped, but an error is logged. Statements are handled one after the
// other in the order they came, so a handler of statements must not wait; calls run concurrently,
// at most Limits.Calls at a time.
type Handler func(ctx context.Context, f Frame) ([]byte, error)

// Limits bound what a peer can make this side do. The zero value means the defaults.
type Limits struct {
	MaxFrame uint32  // largest payload accepted, bytes; 0 = DefaultMaxFrame
	Frames   float64 // frames read per second, sustained; 0 = 20,000
	Burst    int     // frames read at once before that rate applies; 0 = 2,000
	Calls    int     // calls handled at once; 0 = 16
}

func (l Limits) withDefaults() Limits {
	if l.MaxFrame == 0 {
		l.MaxFrame = DefaultMaxFrame
	}
	if l.Frames == 0 {
		l.Frames = 20_000
	}
	if l.Burst == 0 {
		l.Burst = 2_000
	}
	if l.Calls == 0 {
		l.Calls = 16
	}
	return l
}

// Config configures a Conn. The zero value is right.
type Config struct {
	Limits Limits
	Log    *slog.Logger // nil = silent
}

// Conn is one end of a conversation. Its methods may be called from any goroutine.
type Conn struct {
	rw     io.ReadWriteCloser
	limits Limits
	log    *slog.Logger

	wmu  sync.Mutex // serialises frames on rw
	wbuf []byte     // guarded by wmu; reused so that a statement allocates nothing

	mu      sync.Mutex
	seq     uint32
	waiting map[uint32]chan result
	err     error // why the conversation ended; nil while it lasts

	closed    chan struct{}
	closeOnce sync.Once
}

type result struct {
	payload []byte
	err     error
}

// NewConn starts a conversation over rw, which it owns from now on. Nothing is read until Serve.
func NewConn(rw io.ReadWriteCloser, cfg Config) *Conn {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Conn{
		rw: rw, limits: cfg.Limits.withDefaults(), log: log,
		waiting: make(map[uint32]chan result), closed: make(chan struct{}),
	}
}

// Serve reads frames until the conversation ends and hands them to h (nil refuses everything).
// It returns nil after Close or a clean end by the peer, else what went wrong.
func (c *Conn) Serve(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { c.shut(context.Cause(ctx)) })
	defer stop()
	var calls sync.WaitGroup
	err := c.read(ctx, h, &calls)
	c.shut(err)
	cancel()
	calls.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, ErrClosed) || c.isClosing(err) {
		return nil
	}
	return err
}

// isClosing tells an error of our own making: the read failed because this side closed.
func (c *Conn) isClosing(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Is(c.err, ErrClosed) && err != nil
}

func (c *Conn) read(ctx context.Context, h Handler, calls *sync.WaitGroup) error {
	pace := rate.NewLimiter(rate.Limit(c.limits.Frames), c.limits.Burst)
	slots := make(chan struct{}, c.limits.Calls)
	for {
		// A flood is met by reading slower: the peer's own buffers fill up, not ours.
		if err := pace.Wait(ctx); err != nil {
			return ErrClosed
		}
		f, err := ReadFrame(c.rw, c.limits.MaxFrame)
		if err != nil {
			return err
		}
		switch {
		case f.Flags&FlagReply != 0:
			c.deliver(f)
		case f.Flags&FlagCall != 0:
			c.serveCall(ctx, h, f, slots, calls)
		default:
			if _, err := handle(ctx, h, f); err != nil {
				c.log.Warn("statement refused", "op", f.Op, "err", err)
			}
		}
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
		c.reply(f, payload, err)
	})
}

// handle answers heartbeats itself: a peer that is alive must say so whatever its handler does.
func handle(ctx context.Context, h Handler, f Frame) ([]byte, error) {
	if f.Op == OpHeartbeat {
		if len(f.Payload) > maxHeartbeat {
			return nil, &Fault{Op: f.Op, Code: CodeInvalid, Text: "heartbeat too long"}
		}
		return f.Payload, nil
	}
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
	if err := c.write(out); err != nil {
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

// Call sends a call and waits for its reply, until ctx ends. A refusal is a *[Fault].
func (c *Conn) Call(ctx context.Context, op Op, payload []byte) ([]byte, error) {
	ch := make(chan result, 1)
	seq, err := c.enroll(ch)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", op, err)
	}
	defer c.forget(seq)
	if err := c.write(Frame{Header: Header{Op: op, Flags: FlagCall, Seq: seq}, Payload: payload}); err != nil {
		return nil, fmt.Errorf("call %s: %w", op, err)
	}
	select {
	case r := <-ch:
		return r.payload, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("call %s: %w", op, ctx.Err())
	case <-c.closed:
		return nil, fmt.Errorf("call %s: %w", op, ErrClosed)
	}
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

// Send sends a statement: nothing comes back.
func (c *Conn) Send(op Op, payload []byte) error {
	if err := c.write(Frame{Header: Header{Op: op}, Payload: payload}); err != nil {
		return fmt.Errorf("send %s: %w", op, err)
	}
	return nil
}

// write puts a frame on the wire in one piece, so that frames of several goroutines never mix.
func (c *Conn) write(f Frame) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	select {
	case <-c.closed:
		return ErrClosed
	default:
	}
	c.wbuf = AppendFrame(c.wbuf[:0], f)
	_, err := c.rw.Write(c.wbuf)
	return err
}

// Close ends the conversation; calls that wait return ErrClosed. It may be called twice.
func (c *Conn) Close() error {
	c.shut(ErrClosed)
	return nil
}

// Done is closed when the conversation has ended.
func (c *Conn) Done() <-chan struct{} { return c.closed }

func (c *Conn) shut(why error) {
	if why == nil {
		why = ErrClosed
	}
	c.mu.Lock()
	if c.err == nil {
		c.err = why
	}
	c.mu.Unlock()
	c.closeOnce.Do(func() {
		close(c.closed)
		if err := c.rw.Close(); err != nil {
			c.log.Debug("close transport", "err", err)
		}
	})
}
