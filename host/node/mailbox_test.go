package node

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

// TestMailboxKeepsTheNewest: whatever was put, what is taken has each guest's newest demand and
// acknowledgement once and everything else in order.
func TestMailboxKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMailbox()
		demands, applied := map[broker.GuestID]uint64{}, map[broker.GuestID]uint64{}
		var others uint64
		for range rapid.IntRange(1, 50).Draw(t, "events") {
			id := broker.GuestID(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "guest"))
			n := rapid.Uint64Range(1, 100).Draw(t, "n")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				m.put(nil, broker.Demanded{Guest: id, Demand: hvcall.Demand{Revision: n}})
				demands[id] = max(demands[id], n)
			case 1:
				m.put(nil, broker.Applied{Guest: id, Serial: n})
				applied[id] = max(applied[id], n)
			case 2:
				others++
				m.put(nil, broker.Plugged{Guest: id, Op: others})
			}
		}
		<-m.wake
		events, _ := m.take()
		next := uint64(1)
		for _, e := range events {
			switch e := e.(type) {
			case broker.Demanded:
				if demands[e.Guest] != e.Demand.Revision {
					t.Fatalf("demand %d of %s, the newest is %d", e.Demand.Revision, e.Guest, demands[e.Guest])
				}
				delete(demands, e.Guest)
			case broker.Applied:
				if applied[e.Guest] != e.Serial {
					t.Fatalf("grant %d applied by %s, the newest is %d", e.Serial, e.Guest, applied[e.Guest])
				}
				delete(applied, e.Guest)
			case broker.Plugged:
				if e.Op != next {
					t.Fatalf("answer %d in place of %d", e.Op, next)
				}
				next++
			}
		}
		if len(demands)+len(applied) != 0 || next != others+1 {
			t.Fatalf("missing: %v %v, %d of %d others", demands, applied, next-1, others)
		}
		if again, _ := m.take(); len(again) != 0 {
			t.Fatalf("taken twice: %v", again)
		}
	})
}
