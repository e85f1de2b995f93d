package sim

import (
	"fmt"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

// Resting is a broker whose guests have come to rest, for measuring what a step costs. Its guests do at once as they are
// told and want nothing by themselves.
type Resting struct {
	b     *broker.Broker
	ids   []broker.GuestID
	rev   []uint64
	now   time.Duration
	turns int
}

// NewResting returns a broker at rest with n guests of different weights and demands. pressure is what they want as
// a part of what there is.
func NewResting(n int, pressure float64) *Resting {
	r := &Resting{ids: make([]broker.GuestID, n), rev: make([]uint64, n)}
	var wants int64
	for i := range n {
		r.ids[i] = broker.GuestID(fmt.Sprint("g", i))
		wants += int64(r.demand(i).Memory)
	}
	r.b = broker.New(broker.Config{Capacity: broker.Capacity{Memory: int64(float64(wants) / pressure), MilliCPU: int64(n) * 1000}})
	events := make([]broker.Event, n)
	for i := range n {
		events[i] = broker.GuestAdded{Guest: r.ids[i], Bounds: broker.Bounds{Boot: boot, Max: most, MaxMilli: 2000, Weight: uint32(50 + i%100)}}
	}
	r.b.Step(0, events)
	for i := range n {
		events[i] = broker.Connected{Guest: r.ids[i]}
	}
	r.b.Step(0, events)
	r.Wave()
	return r
}

// demand is what a guest states: another amount each time.
func (r *Resting) demand(i int) hvcall.Demand {
	r.rev[i]++
	size := 100 + (i*7+int(r.rev[i])*17)%200
	return hvcall.Demand{Revision: r.rev[i], Memory: uint64(size) << 20, MilliCPU: 1000}
}

// Broker is the broker.
func (r *Resting) Broker() *broker.Broker { return r.b }

// Change has one guest after the other state another demand, and returns how long the step took.
func (r *Resting) Change() time.Duration {
	r.turns++
	i := r.turns * 7919 % len(r.ids)
	return r.step(broker.Demanded{Guest: r.ids[i], Demand: r.demand(i)})
}

func (r *Resting) step(events ...broker.Event) time.Duration {
	r.now += time.Millisecond
	start := time.Now()
	actions := r.b.Step(r.now, events)
	took := time.Since(start)
	r.settle(actions)
	return took
}

// Wave has all guests state another demand at once, and returns how long that one step took.
func (r *Resting) Wave() time.Duration {
	events := make([]broker.Event, len(r.ids))
	for i := range events {
		events[i] = broker.Demanded{Guest: r.ids[i], Demand: r.demand(i)}
	}
	return r.step(events...)
}

// settle lets guests and devices do as they were told until nothing is left to do.
func (r *Resting) settle(actions []broker.Action) {
	for len(actions) > 0 {
		var events []broker.Event
		for _, a := range actions {
			switch a := a.(type) {
			case broker.Resize:
				events = append(events, broker.Plugged{Guest: a.Guest, Op: a.Op, Total: a.Total})
			case broker.SendGrant:
				events = append(events, broker.Applied{Guest: a.Guest, Serial: a.Grant.Serial})
			}
		}
		if len(events) == 0 {
			return
		}
		r.now += time.Millisecond
		actions = r.b.Step(r.now, events)
	}
}
