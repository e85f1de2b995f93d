package qmp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
)

// Defaults of [Config].
const (
	// DefaultMaxMessage is generous: the largest answer in use (query-cpus-fast with 64
	// vCPUs) is 20 KiB, query-qmp-schema, the largest there is, 150 KiB.
	DefaultMaxMessage = 1 << 20
	// DefaultEventBuffer is far above what QEMU sends between two reads of a busy program:
	// it limits most events to one a second itself.
	DefaultEventBuffer = 256
)

// Config of a client. The zero value is right.
type Config struct {
	MaxMessage  int          // longest line accepted, bytes; 0 = DefaultMaxMessage
	EventBuffer int          // events kept for a slow reader; 0 = DefaultEventBuffer
	Log         *slog.Logger // nil = silent
}

func (c Config) withDefaults() Config {
	if c.MaxMessage <= 0 {
		c.MaxMessage = DefaultMaxMessage
	}
	if c.EventBuffer <= 0 {
		c.EventBuffer = DefaultEventBuffer
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Client is one QMP connection. Its methods may be called from any goroutine.
type Client struct {
	conn     net.Conn
	cfg      Config
	greeting Greeting

	out     chan []byte // to the writer
	events  chan Event  // the reader sends and, when full, takes the oldest back
	dropped atomic.Uint64
	failed  chan struct{} // closed when the client has failed
	workers sync.WaitGroup

	mu      sync.Mutex
	calls   map[uint64]chan<- reply // commands in flight
	lastID  uint64
	failure error // set before failed is closed
}

// NewClient waits for QEMU's greeting and leaves negotiation. The client owns conn from
// now on, also when NewClient fails. Only the negotiation is bound by ctx.
func NewClient(ctx context.Context, conn net.Conn, cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	c := &Client{
		conn: conn, cfg: cfg,
		out:    make(chan []byte),
		events: make(chan Event, cfg.EventBuffer),
		failed: make(chan struct{}),
		calls:  make(map[uint64]chan<- reply),
	}
	greeted := make(chan Greeting, 1)
	c.workers.Go(func() { c.read(greeted) })
	c.workers.Go(c.write)
	if err := c.negotiate(ctx, greeted); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) negotiate(ctx context.Context, greeted <-chan Greeting) error {
	select {
	case c.greeting = <-greeted:
	case <-c.failed:
		return fmt.Errorf("await qmp greeting: %w", c.Err())
	case <-ctx.Done():
		return fmt.Errorf("await qmp greeting: %w", context.Cause(ctx))
	}
	return c.Execute(ctx, "qmp_capabilities", nil, nil)
}

// Greeting tells which QEMU this is.
func (c *Client) Greeting() Greeting { return c.greeting }

// Events gives what QEMU tells unasked, oldest first. When the channel is full the oldest
// event is dropped. It is closed behind the last event when the client fails.
func (c *Client) Events() <-chan Event { return c.events }

// Dropped counts the events that nobody read in time.
func (c *Client) Dropped() uint64 { return c.dropped.Load() }

// Done is closed when the client has failed; Err then tells why.
func (c *Client) Done() <-chan struct{} { return c.failed }

// Err is the cause of failure, nil while the client is open.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

// Close ends the connection and waits for the client's goroutines. Commands in flight
// return ErrClosed. It may be called more than once and always returns nil.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	c.workers.Wait()
	return nil
}

// fail moves the client to its last state; only the first cause counts.
func (c *Client) fail(cause error) {
	c.mu.Lock()
	first := c.failure == nil
	if first {
		c.failure = cause
		close(c.failed)
	}
	c.mu.Unlock()
	if first {
		c.cfg.Log.Debug("qmp connection ended", "cause", cause)
		c.conn.Close()
	}
}
