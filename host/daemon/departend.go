package daemon

import (
	"fmt"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
)

// serve has a guest served that was taken up and not heard until its move was decided.
func (m *departure) serve() {
	if m.g != nil && !m.served {
		m.served = true
		m.g.Resume()
	}
}

// release ends what is left here. The guest is known to run there, so what is stored of it says so first.
func (m *departure) release() {
	m.k.mu.Lock()
	m.k.movedTo = m.to.Name
	m.k.mu.Unlock()
	m.k.note(func(r *record) { r.State, r.MovedTo = nodeapi.StateMoved, m.to.Name })
	switch {
	case m.g == nil:
	case m.served:
		m.g.HandOver(m.to.Name)
		<-m.g.Done()
	default:
		if err := m.g.Drop("moved to " + m.to.Name); err != nil {
			m.k.d.cfg.Log.Error("machine not ended", "guest", m.k.name, "err", err)
		}
	}
}

// destroy ends the machine here. A guest that was lost has ended where it moved to, and all else is to be asked there.
func (m *departure) destroy(why move.Cause) {
	if why == move.CauseLost {
		m.release()
		return
	}
	words := "its machine ended on the way to another host"
	if why == move.CauseGivenUp {
		words = fmt.Sprintf("ended by the host: it was given up here, and may run on %s", m.to.Name)
	}
	switch {
	case m.g == nil:
	case m.served && why == move.CauseGivenUp:
		m.g.End(words)
	case m.served: // how it ended is told as ever
	default:
		if err := m.g.Drop(words); err != nil {
			m.k.d.cfg.Log.Error("machine not ended", "guest", m.k.name, "err", err)
		}
	}
}

// fail notes what went wrong, in words; the first thing counts.
func (m *departure) fail(err error) {
	m.note(func(r *nodeapi.Move) {
		if r.Error == "" {
			r.Error = err.Error()
		}
	})
}

// conclude has what is stored say that there is no move any more.
func (m *departure) conclude(s move.Source) {
	m.end()
	m.note(func(r *nodeapi.Move) {
		r.TookMS = since(m.base)
		if s.State != move.StateMoved {
			if words := causeWords[s.Cause]; r.Error == "" {
				r.Error = words
			} else {
				r.Error = words + ": " + r.Error
			}
		}
	})
	m.k.note(func(r *record) { r.Leaving = nil })
	m.k.mu.Lock()
	last := m.shown()
	m.k.leaving, m.k.lastMove = nil, &last
	m.k.mu.Unlock()
	m.k.d.cfg.Log.Info("move over", "guest", m.k.name, "to", m.to.Name, "state", s.State, "cause", s.Cause, "err", last.Error,
		"held", last.Held, "bytes", last.Bytes, "downtime_ms", last.DowntimeMS, "took_ms", last.TookMS)
}

// causeWords say causes to people.
var causeWords = map[move.Cause]string{
	move.CauseRefused:   "the destination cannot take it",
	move.CauseLate:      "the destination did not answer in time",
	move.CauseStuck:     "its size did not come to rest",
	move.CauseTooFast:   "it changes its memory faster than the link carries it",
	move.CauseBurst:     "it needed memory at once that is here",
	move.CauseCancelled: "the move was called off",
	move.CauseLink:      "the copying failed",
	move.CauseGone:      "the destination lost its copy before it ran there",
	move.CauseUnreached: "the destination could not be told to run it",
	move.CauseRestart:   "the node was started anew",
	move.CauseDied:      "its machine ended",
	move.CauseGivenUp:   "it was ended here, and may run at the destination",
	move.CauseLost:      "its machine ended at the destination, having run there",
}
