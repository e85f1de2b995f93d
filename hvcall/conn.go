package hvcall

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Handler answers what the peer sends. For a call it returns the reply's payload or an error; for
// a statement both are dropped, but an error is logged. Statements are handled one after the
// other in the order they came, so a handler of statements must not wait, nor keep the payload of a Grant or Steal; calls run concurrently,
// at most Limits.Calls at a time.
type Handler func(ctx context.Context, f Frame) ([]byte, error)

// Limits bound what a peer can make this side do. The zero value means the defaults.
type Limits struct {
	MaxFrame uint32  // largest payload accepted, bytes; 0 = DefaultMaxFrame
	Frames   float64 // frames read per second, sustained; 0 = 20,000
	Burst    int     // frames read at once before that rate applies; 0 = 2,000
	Calls    int     // calls handled at once; 0 = 16

	// Skip is how many bytes in all may be passed over in search of the next frame, by a side that may have joined in
	// the middle of one; 0 = none: what is no frame ends the conversation.
	Skip int64

	// Stuck is how long one frame may wait for a peer that does not read before the conversation
	// ends; 0 = for ever. A host sets it, for a guest must not be able to hold up whoever tells it
	// something. A guest leaves it: a host that is away for a while is a state, not an end.
	Stuck time.Duration
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
	// Away is called, from Serve, when the peer went away or another took its place in the middle of a
	// conversation: Hello is due again. It must not wait. nil = nothing is to be done.
	Away func()
	Log  *slog.Logger // nil = silent
}

// Conn is one end of a conversation. Its methods may be called from any goroutine.
type Conn struct {
	rw     io.ReadWriteCloser
	limits Limits
	away   func()
	log    *slog.Logger

	wmu   sync.Mutex    // serialises frames on rw
	wbuf  []byte        // guarded by wmu; reused so that a statement allocates nothing
	stuck *time.Timer   // guarded by wmu; runs while a frame is written; nil without Limits.Stuck
	most  atomic.Uint32 // largest payload the peer accepts, bytes
	held  atomic.Int64  // see Held; nanoseconds
	bad   atomic.Uint64 // see Breaches

	mu      sync.Mutex
	seq     uint32
	waiting map[uint32]chan result
	err     error // why the conversation ended; nil while it lasts

	closed    chan struct{}
	closeOnce sync.Once
}

// NewConn starts a conversation over rw, which it owns from now on. Nothing is read until Serve.
func NewConn(rw io.ReadWriteCloser, cfg Config) *Conn {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Conn{
		rw: rw, limits: cfg.Limits.withDefaults(), away: cfg.Away, log: log,
		waiting: make(map[uint32]chan result), closed: make(chan struct{}),
	}
	c.most.Store(DefaultMaxFrame)
	if d := c.limits.Stuck; d > 0 {
		c.stuck = time.AfterFunc(d, func() { c.shut(ErrStuck) })
		c.stuck.Stop()
	}
	return c
}

// SetPeerMax takes over the largest payload that the peer said it accepts, in bytes, in its Hello or
// Welcome; 0 = DefaultMaxFrame. Longer ones are refused here, where the error can name the cause.
func (c *Conn) SetPeerMax(n uint32) {
	if n == 0 {
		n = DefaultMaxFrame
	}
	c.most.Store(n)
}

// Close ends the conversation; calls that wait return ErrClosed. It may be called twice.
func (c *Conn) Close() error {
	c.shut(ErrClosed)
	return nil
}

// Held is how long frames were left unread in all because the peer sends more of them than Limits.Frames. It grows as fast
// as time itself goes on while the peer floods.
func (c *Conn) Held() time.Duration { return time.Duration(c.held.Load()) }

// Breaches is how many frames the peer sent that break the rules: with an operation that does not exist, or a payload that is
// none.
func (c *Conn) Breaches() uint64 { return c.bad.Load() }

// Lost has all calls that wait for a reply return ErrAway: the peer that was asked is not there any more.
func (c *Conn) Lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for seq, ch := range c.waiting {
		delete(c.waiting, seq)
		ch <- result{err: ErrAway}
	}
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

// reason is why the conversation ended: the first cause, not what followed from it.
func (c *Conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
