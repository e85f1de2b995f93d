package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/silo-os/silo/hvcall"
	"pgregory.net/rapid"
)

// world is a host in which everything that can go wrong may go wrong, with the truth that the
// broker only hears of: what devices really hold and what guests really use.
type world struct {
	b        *Broker
	now      time.Duration
	capacity Capacity
	guests   []*vm
	names    int
	lent     bool // guests may have been seen idle, and their vCPUs lent
}

// vm is one guest: its device, and what it makes of the grants.
type vm struct {
	id       GuestID
	admitted bool
	hello    bool
	killed   bool           // but not gone yet
	size     int64          // really plugged
	asked    int64          // what the device was last told
	queue    []Resize       // not told to the device yet; only the newest counts
	op       uint64         // told to the device, not answered
	mail     []hvcall.Grant // sent, not read
	using    hvcall.Grant   // applied
	demand   hvcall.Demand
}

func newWorld(t *rapid.T) *world {
	c := Capacity{Memory: rapid.Int64Range(64, 2048).Draw(t, "capacity") << 20, Slush: rapid.Int64Range(0, 64).Draw(t, "slush") << 20, MilliCPU: 4000}
	return &world{b: New(Config{Capacity: c}), capacity: c}
}

// step lets the broker act and checks the ledger against itself and against the truth.
func (w *world) step(t *rapid.T, events ...Event) {
	actions := w.b.Step(w.now, events)
	for _, a := range actions {
		w.apply(t, a)
	}
	check(t, w.b)
	w.checkTruth(t)
	if at, ok := w.b.NextWake(); ok && at <= w.now {
		t.Fatalf("wants to be woken at %v, it is %v", at, w.now)
	}
}

func (w *world) apply(t *rapid.T, a Action) {
	switch a := a.(type) {
	case Admit:
		v := w.find(a.Guest)
		v.admitted = true
		g, _ := w.b.Guest(a.Guest)
		v.size, v.asked = g.Bounds.Boot, g.Bounds.Boot
		v.using.MilliCPU = uint32(g.Bounds.MinMilli)
	case Refuse:
		w.guests = slices.DeleteFunc(w.guests, func(v *vm) bool { return v.id == a.Guest })
	case Kill:
		w.find(a.Guest).killed = true
	case Resize:
		v := w.find(a.Guest)
		v.queue = append(v.queue, a)
	case SendGrant:
		v := w.find(a.Guest)
		if n := len(v.mail); n > 0 && a.Grant.Serial < v.mail[n-1].Serial {
			t.Fatalf("%s: serial %d after %d", a.Guest, a.Grant.Serial, v.mail[n-1].Serial)
		}
		v.mail = append(v.mail, a.Grant)
	}
}

func (w *world) find(id GuestID) *vm {
	for _, v := range w.guests {
		if v.id == id {
			return v
		}
	}
	panic(fmt.Sprintf("action for %s, which is not here", id))
}

// checkTruth compares the ledger with what devices hold and guests use.
func (w *world) checkTruth(t *rapid.T) {
	var held, used int64
	for _, v := range w.guests {
		g, ok := w.b.Guest(v.id)
		if !ok {
			t.Fatalf("%s is forgotten", v.id)
		}
		held += v.size
		used += int64(v.using.MilliCPU)
		if v.size > g.Memory.Upper || v.size < g.Memory.Firm {
			t.Fatalf("%s holds %s, the ledger says %s to %s\n%s", v.id, size(v.size), size(g.Memory.Firm), size(g.Memory.Upper), dump(w.b))
		}
		if v.demand.Revision > 0 && g.Demand != v.demand {
			t.Fatalf("%s demanded %+v, the broker knows %+v", v.id, v.demand, g.Demand)
		}
	}
	if held > w.capacity.usable() || used > w.capacity.MilliCPU && !w.lent {
		t.Fatalf("guests hold %s and %d mCPU\n%s", size(held), used, dump(w.b))
	}
}

// drift moves a device some way towards what it was told, as its guest pleases.
func (v *vm) drift(blocks int64) {
	const block = 4 << 20
	for ; blocks > 0 && v.size != v.asked; blocks-- {
		if v.size < v.asked {
			v.size += block
		} else {
			v.size -= block
		}
	}
}

// tell hands the newest resize to the device, as an executor does that lets the newest win.
func (v *vm) tell() bool {
	if len(v.queue) == 0 {
		return false
	}
	r := v.queue[len(v.queue)-1]
	v.queue = nil
	v.asked, v.op = r.Total, r.Op
	return true
}

// read lets the guest read and apply its next n grants.
func (v *vm) read(n int) bool {
	if n = min(n, len(v.mail)); n == 0 {
		return false
	}
	v.using = v.mail[n-1]
	v.mail = v.mail[n:]
	return true
}
