package broker

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Capacity is what a host has.
type Capacity struct {
	Memory   int64 `json:"memory"`    // bytes
	Slush    int64 `json:"slush"`     // bytes of Memory never given to guests
	MilliCPU int64 `json:"milli_cpu"` // thousandths of a processor
}

// normal keeps a capacity within what can be reckoned with.
func (c Capacity) normal() Capacity {
	return Capacity{Memory: clamp(c.Memory, 0, maxMemory), Slush: clamp(c.Slush, 0, maxMemory), MilliCPU: clamp(c.MilliCPU, 0, maxMilli<<10)}
}

// usable is what may be given away, in bytes.
func (c Capacity) usable() int64 { return max(0, c.Memory-c.Slush) }

// State is everything a broker knows. It holds no pointer out of itself and can be written as JSON.
type State struct {
	Now      time.Duration `json:"now"` // the latest time it was told
	Capacity Capacity      `json:"capacity"`
	LastOp   uint64        `json:"last_op"` // number of the newest Resize
	Price    Price         `json:"price"`   // of memory, for all guests
	Crowd    Crowd         `json:"crowd"`   // whether a guest should move
	Guests   []*Guest      `json:"guests"`  // oldest first
}

// Phase is how far a guest has come.
type Phase string

// The phases, in their order.
const (
	PhaseWaiting Phase = "waiting" // for room to boot; holds nothing
	PhaseBooting Phase = "booting" // admitted; holds its boot memory and least vCPUs
	PhaseRunning Phase = "running" // said Hello
)

// Guest is what the broker knows of one guest.
type Guest struct {
	ID      GuestID       `json:"id"`
	Bounds  Bounds        `json:"bounds"`
	Phase   Phase         `json:"phase"`
	Demand  hvcall.Demand `json:"demand"` // the newest, as stated
	Memory  Memory        `json:"memory"`
	CPU     CPU           `json:"cpu"`
	Grant   hvcall.Grant  `json:"grant"`   // the newest sent
	Applied uint64        `json:"applied"` // serial of the newest grant the guest says it applied
	Remind  Retry         `json:"remind"`  // when to repeat a grant that the guest should have applied
	Conduct Conduct       `json:"conduct"` // whether it keeps to the rules of the calls
}

// Memory is a guest's part of the memory ledger. All sizes are bytes and count boot memory.
type Memory struct {
	Interval
	Want   int64  `json:"want"`             // demand within the bounds
	Floor  int64  `json:"floor"`            // least it says it can live with, within its bounds
	Target int64  `json:"target"`           // its share
	Asked  int64  `json:"asked"`            // what the device was last asked for
	Seen   int64  `json:"seen"`             // what the device last said
	Op     uint64 `json:"op"`               // the Resize under way; 0 = none
	Grow   Retry  `json:"grow"`             // since plugging made no progress
	Shrink Retry  `json:"shrink"`           // since unplugging made no progress
	Astray Astray `json:"astray"`           // whether the device holds something else than was granted
	Use    Use    `json:"use"`              // how much of it lies idle
	Bucket Bucket `json:"bucket"`           // how fast it may grow where room is short
	Owing  Owing  `json:"owing"`            // how it gives back what it should not hold any more
	Moving Moving `json:"moving,omitempty"` // whether it is on its way to or from another host
	Fault  string `json:"fault"`            // why the last Resize failed; "" = it did not

	Promises Promises `json:"promises"` // what it was granted
}

// CPU is a guest's part of the vCPU ledger, in thousandths.
type CPU struct {
	Want     int64    `json:"want"`
	Share    int64    `json:"share"`
	Target   int64    `json:"target"` // the share, or what an idle guest keeps
	Granted  int64    `json:"granted"`
	Promises Promises `json:"promises"`
	Load     Load     `json:"load"`
	Seizure  Seizure  `json:"seizure"` // when vCPUs are taken that it was told to do without
}

// Upper is the most that the guest may use until it says that it uses less.
func (c CPU) Upper() int64 { return c.Promises.upper() }

// clone returns a copy that shares nothing.
func (g *Guest) clone() *Guest {
	c := *g
	c.Memory.Promises = slices.Clone(g.Memory.Promises)
	c.CPU.Promises = slices.Clone(g.CPU.Promises)
	return &c
}

// State returns a copy of everything the broker knows.
func (b *Broker) State() State {
	s := b.s
	s.Crowd.Peers = slices.Clone(s.Crowd.Peers)
	s.Guests = make([]*Guest, len(b.members))
	for i, g := range b.members {
		s.Guests[i] = g.clone()
	}
	return s
}

// Guest returns a copy of what the broker knows of one guest, and whether it knows it.
func (b *Broker) Guest(id GuestID) (Guest, bool) {
	g := b.index[id]
	if g == nil {
		return Guest{}, false
	}
	return *g.clone(), true
}

// MarshalJSON is the dump of the whole state. [Restore] makes a broker from it.
func (b *Broker) MarshalJSON() ([]byte, error) { return json.Marshal(b.State()) }
