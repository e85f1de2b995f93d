package hvcalltest

import (
	"context"
	"fmt"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Moving tells the guest that it is about to move to another host and, when it has prepared or its time is over, that it
// has arrived there. What is not simulated is the moment in between, in which a real guest stands still.
type Moving struct {
	Within time.Duration // whole milliseconds to prepare; 0 = a second
	Stays  bool          // the move is cancelled after all
}

// Moved is a move as the guest's side of it went.
type Moved struct {
	Took  time.Duration // to prepare
	Stays bool
	Err   error // the guest's refusal, or the end of the conversation
}

// String is "move within TIME", or the same of "stay".
func (a Moving) String() string {
	s := "move"
	if a.Stays {
		s = "stay"
	}
	if a.Within > 0 {
		s += " within " + a.Within.String()
	}
	return s
}

// mostMove is the longest time that a guest may be given to prepare.
const mostMove = time.Hour

func (a Moving) check(Script) error {
	if a.Within < 0 || a.Within > mostMove || a.Within%time.Millisecond != 0 {
		return fmt.Errorf("the time to prepare is in whole milliseconds, at most %s", mostMove)
	}
	return nil
}

// play does not hold up what the guest demands while it prepares.
func (a Moving) play(h *Host) { h.moving.Go(func() { h.moveGuest(a) }) }

func (h *Host) moveGuest(a Moving) {
	within, then := a.Within, hvcall.PhaseArrived
	if within == 0 {
		within = time.Second
	}
	if a.Stays {
		then = hvcall.PhaseCancelled
	}
	// The guest keeps the time itself; a real host waits a little longer, and then moves it as it is.
	ctx, cancel := context.WithTimeout(context.Background(), within+time.Second)
	defer cancel()
	start := time.Now()
	err := h.conn.TellMigrate(ctx, hvcall.Migrate{Phase: hvcall.PhasePrepare, WithinMS: within.Milliseconds()})
	m := Moved{Took: time.Since(start), Stays: a.Stays, Err: err}
	again, stop := context.WithTimeout(context.Background(), within+time.Second)
	defer stop()
	if err := h.conn.TellMigrate(again, hvcall.Migrate{Phase: then}); m.Err == nil {
		m.Err = err
	}
	h.mu.Lock()
	h.tale.moved(m)
	h.mu.Unlock()
	h.Moves.add(m)
}

// parseMove reads what follows move or stay.
func parseMove(words []string, stays bool) (Act, error) {
	a := Moving{Stays: stays}
	switch {
	case len(words) == 0:
		return a, nil
	case len(words) != 2 || words[0] != "within":
		return nil, nil
	}
	var err error
	a.Within, err = parseTime(words[1])
	return a, err
}
