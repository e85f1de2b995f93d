package node

import (
	"context"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

// Observation is how a guest stands at one moment. Sizes are bytes and count boot memory.
type Observation struct {
	Time  time.Time
	Ready bool // the application said that it serves
	Ended bool // the last observation of this guest

	Demanded int64 // wanted by the guest
	Granted  int64 // may be used by it
	Plugged  int64 // in its device, as last measured
	Resident int64 // exists on the host, measured on the host; -1 = could not be measured

	DemandedMilli uint32 // thousandths of a vCPU
	GrantedMilli  uint32
	UsedMilli     uint32 // by its vCPUs, measured on the host
	Steal         uint32 // thousandths of what is granted that others on the host took
	Advisory      bool   // the host does not hold it to its vCPUs

	Revision uint64 // of the newest demand
	Serial   uint64 // of the newest grant
	Reason   hvcall.Reason
	Urgency  hvcall.Urgency
	Limit    hvcall.Limit // why not more is granted
	Astray   bool         // plugged has not been what was granted, for seconds: something is pinned
	Fault    string       // why the last resize failed; "" = it did not

	Usage hvcall.Usage // as the guest says: stalls, kills, live heap and the like
}

// show takes in what the broker knows of the guest now.
func (g *Guest) show(view broker.Guest) {
	g.mu.Lock()
	before := rankOf(g.view)
	g.view = view
	g.mu.Unlock()
	if now := rankOf(view); now != before {
		g.cpus.rank.put(now)
	}
	g.changes.put(struct{}{})
	g.limits.poke()
}

func rankOf(view broker.Guest) rank {
	return rank{milli: uint32(view.CPU.Upper()), last: view.Conduct.Bad}
}

// Observe returns how the guest stands now.
func (g *Guest) Observe() Observation {
	g.mu.Lock()
	v, u := g.view, g.usage
	g.mu.Unlock()
	o := Observation{
		Time: time.Now(), Ready: !g.ready.when().IsZero(),
		Demanded: int64(v.Demand.Memory), Granted: int64(v.Grant.Memory), Plugged: v.Memory.Seen, Resident: -1,
		DemandedMilli: v.Demand.MilliCPU, GrantedMilli: v.Grant.MilliCPU,
		Revision: v.Demand.Revision, Serial: v.Grant.Serial,
		Reason: v.Demand.Reason, Urgency: v.Demand.Urgency, Limit: v.Grant.Limit, Astray: v.Memory.Astray.Told, Fault: v.Memory.Fault,
		Usage: u,
	}
	r := g.cpus.last()
	o.UsedMilli, o.Steal, o.Advisory = r.Used, r.Steal, g.cpus.share.Advisory()
	if n, err := g.vm.Resident(); err == nil {
		o.Resident = n
	}
	return o
}

// observe calls the observer on changes and at intervals until ctx ends, and once at the end.
func (g *Guest) observe(ctx context.Context) {
	if g.spec.Observer == nil {
		return
	}
	tick := time.NewTicker(g.spec.Sample)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last := g.Observe()
			last.Ended, last.Resident = true, 0
			g.spec.Observer(last)
			return
		case <-g.changes.wake:
		case <-tick.C:
		}
		g.spec.Observer(g.Observe())
	}
}
