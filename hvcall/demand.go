package hvcall

// Urgency says how soon a demand matters to the guest.
type Urgency uint8

// From least to most urgent.
const (
	UrgencyIdle    Urgency = 0 // wants less than it holds
	UrgencyAhead   Urgency = 1 // a forecast: needed soon, nothing waits yet
	UrgencySoon    Urgency = 2 // the forecast's margin is being used up
	UrgencyStalled Urgency = 3 // a thread waits for memory now
	urgencyLimit           = 4
	demandSize             = 56
	maxMilliCPU            = 1 << 20 // 1,048 vCPUs; far above what a host has, far below overflow
	maxBytesPerSec         = 1 << 50
)

// MaxMemory is the most memory that can be spoken of, bytes: far above what a host has, far below overflow.
const MaxMemory = 1 << 50

// Reason says in a word why a demand changed; for traces and people.
type Reason uint8

// The reasons a guest gives.
const (
	ReasonNone     Reason = 0
	ReasonStart    Reason = 1 // first statement after Welcome
	ReasonForecast Reason = 2 // a collection ended, or the sampler saw the heap run ahead
	ReasonReserve  Reason = 3 // the application asked by name
	ReasonGate     Reason = 4 // a thread ran into the memory gate
	ReasonUsage    Reason = 5 // measured from outside: the application does not import silo
	ReasonShrink   Reason = 6 // done shrinking
	ReasonRunQueue Reason = 7 // goroutines or threads wait for a vCPU
	ReasonRestate  Reason = 8 // nothing changed: said again after a gap
	reasonLimit           = 9
)

var reasonNames = [...]string{"none", "start", "forecast", "reserve", "gate", "usage", "shrink", "run queue", "restate"}

// String is the reason in a word.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Demand is what a guest wants to hold. It is complete: a newer one replaces it whole.
type Demand struct {
	Revision      uint64  // grows with each statement of one guest
	Memory        uint64  // bytes wanted; from PID 1 to the host the whole guest, from the application to PID 1 its own share
	Floor         uint64  // bytes it cannot live below right now
	IO            uint64  // bytes per second wanted; 0 = no statement
	MilliCPU      uint32  // thousandths of a vCPU wanted
	MilliCPUFloor uint32  // thousandths it cannot live below
	Applied       uint64  // serial of the newest grant that is fully applied
	Urgency       Urgency // how soon
	Reason        Reason  // why
}

// AppendTo appends the wire form.
func (d Demand) AppendTo(b []byte) []byte {
	b = appendU64(b, d.Revision, d.Memory, d.Floor, d.IO)
	b = appendU32(b, d.MilliCPU, d.MilliCPUFloor)
	b = appendU64(b, d.Applied)
	return append(b, byte(d.Urgency), byte(d.Reason), 0, 0, 0, 0, 0, 0)
}

// DecodeDemand reads and checks a Demand. It returns a *[FrameError] on any bad field.
func DecodeDemand(b []byte) (Demand, error) {
	r := reader{op: OpDemand, b: b}
	r.size(demandSize)
	d := Demand{
		Revision: r.u64(), Memory: r.u64max("memory", MaxMemory), Floor: r.u64max("floor", MaxMemory),
		IO: r.u64max("io", maxBytesPerSec), MilliCPU: r.u32max("milli cpu", maxMilliCPU),
		MilliCPUFloor: r.u32max("milli cpu floor", maxMilliCPU), Applied: r.u64(),
		Urgency: Urgency(r.u8max("urgency", urgencyLimit-1)), Reason: Reason(r.u8max("reason", reasonLimit-1)),
	}
	r.zero(6)
	if r.err == nil && d.Floor > d.Memory {
		r.fail("floor", d.Floor, "above the memory wanted")
	}
	if r.err == nil && d.MilliCPUFloor > d.MilliCPU {
		r.fail("milli cpu floor", uint64(d.MilliCPUFloor), "above the vCPUs wanted")
	}
	return d, r.err
}
