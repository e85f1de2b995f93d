package pid1

import (
	"context"
	"log/slog"
	"runtime"
	"sync"

	"github.com/silo-os/silo/hvcall"
)

// teller speaks to an application without waiting for it to read: one that waits for memory does not, for as long as that takes, and
// one that never does must not stop the guest. Of what it has not read yet only the newest counts.
type teller struct {
	*hvcall.Conn
	log  *slog.Logger
	wake chan struct{}

	mu   sync.Mutex
	next words
}

// words are what is to be said; nil = nothing.
type words struct {
	grant *hvcall.Grant
	steal *hvcall.Steal
}

func newTeller(conn *hvcall.Conn, log *slog.Logger) *teller {
	return &teller{Conn: conn, log: log, wake: make(chan struct{}, 1)}
}

// SendGrant has the grant said in place of one that was not said yet.
func (t *teller) SendGrant(g hvcall.Grant) error {
	t.say(func(w *words) { w.grant = &g })
	return nil
}

// SendSteal is SendGrant for steal.
func (t *teller) SendSteal(s hvcall.Steal) error {
	t.say(func(w *words) { w.steal = &s })
	return nil
}

func (t *teller) say(change func(*words)) {
	t.mu.Lock()
	change(&t.next)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default: // it is awake and takes this, too
	}
	runtime.Gosched() // the application's first: what follows in the loop can wait
}

// run says what there is to say until the conversation ends.
func (t *teller) run() {
	for {
		select {
		case <-t.Done():
			return
		case <-t.wake:
		}
		t.mu.Lock()
		w := t.next
		t.next = words{}
		t.mu.Unlock()
		if err := t.send(w); err != nil {
			t.log.Debug("application not told", "err", err)
		}
	}
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
