package node

import (
	"sync"

	"github.com/silo-os/silo/host/broker"
)

// mailbox holds events until the broker's owner takes them, all at once. Of the demands of one
// guest only the newest is held, and of its acknowledgements, so a guest that states without end
// cannot fill it.
type mailbox struct {
	wake chan struct{} // holds a token while there is something to take

	mu      sync.Mutex
	events  []broker.Event
	newest  map[broker.GuestID]int // where in events a guest's demand stands
	applied map[broker.GuestID]int // likewise its acknowledgement
	waiting []chan<- struct{}
}

func newMailbox() *mailbox {
	m := &mailbox{wake: make(chan struct{}, 1)}
	m.clear()
	return m
}

func (m *mailbox) clear() {
	m.events, m.waiting = nil, nil
	m.newest, m.applied = make(map[broker.GuestID]int), make(map[broker.GuestID]int)
}

// put adds events. done, if it is not nil, is closed once they have been acted upon.
func (m *mailbox) put(done chan<- struct{}, events ...broker.Event) {
	m.mu.Lock()
	for _, e := range events {
		m.add(e)
	}
	if done != nil {
		m.waiting = append(m.waiting, done)
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) add(e broker.Event) {
	switch e := e.(type) {
	case broker.Demanded:
		if i, ok := m.newest[e.Guest]; ok {
			if old := m.events[i].(broker.Demanded); e.Demand.Revision > old.Demand.Revision {
				m.events[i] = e
			}
			return
		}
		m.newest[e.Guest] = len(m.events)
	case broker.Applied:
		if i, ok := m.applied[e.Guest]; ok {
			if old := m.events[i].(broker.Applied); e.Serial > old.Serial {
				m.events[i] = e
			}
			return
		}
		m.applied[e.Guest] = len(m.events)
	}
	m.events = append(m.events, e)
}

// take empties the mailbox.
func (m *mailbox) take() ([]broker.Event, []chan<- struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	events, waiting := m.events, m.waiting
	m.clear()
	return events, waiting
}
