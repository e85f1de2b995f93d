package pid1

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// teller speaks to an application without waiting for it to read: one that waits for memory does not, for as long as that takes, and
// one that never does must not stop the guest. What is known to fit into the socket is written at once, since another goroutine would
// take a millisecond more under emulation. Else one does it, and of what the application has not read yet only the newest counts.
type teller struct {
	*hvcall.Conn
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	unread  int    // frames that it may not have read yet
	said    uint64 // serial of the newest grant among them
	next    words
	writing bool // the goroutine does
}

// unreadMost frames fit into the socket in any case: the kernel's least buffer is 200 KiB, and each takes a KiB of it.
const unreadMost = 64

// words are what is to be said; nil = nothing.
type words struct {
	grant *hvcall.Grant
	steal *hvcall.Steal
}

func newTeller(conn *hvcall.Conn, log *slog.Logger) *teller {
	return &teller{Conn: conn, log: log, wake: make(chan struct{}, 1)}
}

// SendGrant says a grant, in place of one that was not said yet.
func (t *teller) SendGrant(g hvcall.Grant) error {
	if t.fits(func() { t.said = g.Serial }, func() { t.next.grant = &g }) {
		return t.Conn.SendGrant(g)
	}
	return nil
}

// SendSteal is SendGrant for steal.
func (t *teller) SendSteal(s hvcall.Steal) error {
	if t.fits(func() {}, func() { t.next.steal = &s }) {
		return t.Conn.SendSteal(s)
	}
	return nil
}

// RoundTrip asks for a heartbeat. Who answers has read all that was said before.
func (t *teller) RoundTrip(ctx context.Context) (time.Duration, error) {
	t.mu.Lock()
	t.unread++
	t.mu.Unlock()
	took, err := t.Conn.RoundTrip(ctx)
	if err == nil {
		t.mu.Lock()
		t.unread = 0
		t.mu.Unlock()
	}
	return took, err
}

// took takes in the newest grant that the application has applied.
func (t *teller) took(serial uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if serial >= t.said {
		t.unread = 0
	}
}

// fits reports whether one more frame can be written at once, which now is done for, or has the goroutine say what later leaves to it.
func (t *teller) fits(now, later func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unread < unreadMost && !t.writing {
		t.unread++
		now()
		return true
	}
	later()
	t.writing = true
	select {
	case t.wake <- struct{}{}:
	default: // it is awake and takes this, too
	}
	return false
}

// run says what there is to say until the conversation ends.
func (t *teller) run() {
	for {
		select {
		case <-t.Done():
			return
		case <-t.wake:
		}
		for w, some := t.take(); some; w, some = t.take() {
			if err := t.send(w); err != nil {
				t.log.Debug("application not told", "err", err)
			}
		}
	}
}

// take takes what is to be said, if there is anything.
func (t *teller) take() (w words, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, t.next = t.next, words{}
	t.writing = w != words{}
	if w.grant != nil {
		t.said = w.grant.Serial
	}
	return w, t.writing
}

func (t *teller) send(w words) error {
	if w.grant != nil {
		if err := t.Conn.SendGrant(*w.grant); err != nil {
			return err
		}
	}
	if w.steal != nil {
		return t.Conn.SendSteal(*w.steal)
	}
	return nil
}

// within calls f and returns its error, or ctx's when that ends first: a call waits for a peer that does not read, whatever its context.
func within(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
