package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/silo-os/silo/host/broker"
)

// ErrClosed is returned by calls on a node that has been closed.
var ErrClosed = errors.New("node is closed")

// Node runs the guests of one host. Its methods may be called from any goroutine.
type Node struct {
	cfg   Config
	start time.Time // the broker's time zero
	mail  *mailbox
	asks  chan func(*broker.Broker) // for the owner to run between two batches

	ctx  context.Context // ends with the node
	stop context.CancelFunc
	done chan struct{} // closed when the owner has ended

	mu     sync.Mutex
	guests map[broker.GuestID]*Guest
	names  int // for guests without a name
	closed bool
	ended  sync.WaitGroup // one for each guest that is not ended
}

// New starts a node without guests.
func New(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, start: time.Now(), mail: newMailbox(), asks: make(chan func(*broker.Broker)),
		done: make(chan struct{}), guests: make(map[broker.GuestID]*Guest),
	}
	n.ctx, n.stop = context.WithCancel(context.Background())
	go n.own(broker.New(broker.Config{Capacity: cfg.Capacity, Block: blockSize, MoveAfter: cfg.MoveAfter}))
	return n, nil
}

// Capacity is what guests may have altogether.
func (n *Node) Capacity() broker.Capacity { return n.cfg.Capacity }

// PeerSeen says what another host has to spare; see broker.PeerSeen.
func (n *Node) PeerSeen(name string, free broker.Room) {
	n.post(broker.PeerSeen{Peer: name, Free: free})
}

// Free is what this host has to spare.
func (n *Node) Free() broker.Room {
	s := n.State()
	r := broker.Room{Memory: s.Capacity.Memory - s.Capacity.Slush, MilliCPU: s.Capacity.MilliCPU}
	for _, g := range s.Guests {
		r.Memory -= max(g.Memory.Upper, g.Bounds.Min)
		r.MilliCPU -= max(g.CPU.Upper(), g.Bounds.MinMilli)
	}
	return broker.Room{Memory: max(0, r.Memory), MilliCPU: max(0, r.MilliCPU)}
}

// State is all the broker knows. It is empty once the node is closed.
func (n *Node) State() broker.State {
	answer := make(chan broker.State, 1)
	select {
	case n.asks <- func(b *broker.Broker) { answer <- b.State() }:
		return <-answer
	case <-n.done:
		return broker.State{}
	}
}

// Close kills every guest, waits for their ends and stops. It may be called more than once.
func (n *Node) Close() error {
	n.mu.Lock()
	n.closed = true
	guests := make([]*Guest, 0, len(n.guests))
	for _, g := range n.guests {
		guests = append(guests, g)
	}
	n.mu.Unlock()
	for _, g := range guests {
		g.Kill()
	}
	n.ended.Wait()
	n.stop()
	<-n.done
	return nil
}

// register gives a guest its name and its place.
func (n *Node) register(g *Guest) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	for g.spec.Name == "" {
		n.names++
		if name := fmt.Sprint("guest-", n.names); n.guests[broker.GuestID(name)] == nil {
			g.spec.Name = name
		}
	}
	g.id = broker.GuestID(g.spec.Name)
	if n.guests[g.id] != nil {
		return &SpecError{"Name", fmt.Sprintf("a guest named %q runs already", g.id), "choose another name"}
	}
	if err := n.clash(g); err != nil {
		return err
	}
	n.guests[g.id] = g
	n.ended.Add(1)
	return nil
}

// forget takes a guest out. The broker hears of it first, so that the name is free when it is free here.
func (n *Node) forget(g *Guest) {
	n.tell(broker.GuestGone{Guest: g.id})
	n.mu.Lock()
	delete(n.guests, g.id)
	n.mu.Unlock()
}

func (n *Node) find(id broker.GuestID) *Guest {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.guests[id]
}

// post hands events to the broker's owner and returns at once.
func (n *Node) post(events ...broker.Event) { n.mail.put(nil, events...) }

// tell is post, and waits until the owner has acted.
func (n *Node) tell(events ...broker.Event) {
	done := make(chan struct{})
	n.mail.put(done, events...)
	select {
	case <-done:
	case <-n.done:
	}
}
