package hvcall

// Limit says why a grant is not larger. A guest that knows can stop hoping.
type Limit uint8

// What stands against a larger grant.
const (
	LimitNone    Limit = 0 // everything demanded is granted
	LimitMaximum Limit = 1 // the guest's own configured maximum
	LimitHost    Limit = 2 // the host has no more now; the demand stands
	LimitPlug    Limit = 3 // granted by the host, but the guest's kernel took only this much
	LimitReclaim Limit = 4 // the host wants memory back from this guest
	LimitLate    Limit = 5 // a thread waits for memory that was asked for and has not come; only from PID 1 to the application
	limitLimit         = 6
	grantSize          = 56
)

// MaxPrice is the highest price a Grant may carry: about a million vCPUs for one GiB. Beyond it a
// guest's arithmetic need not be trusted.
const MaxPrice = 1 << 40

var limitNames = [...]string{"none", "maximum", "host", "plug", "reclaim", "late"}

// String is the limit in a word.
func (l Limit) String() string {
	if int(l) < len(limitNames) {
		return limitNames[l]
	}
	return "unknown"
}

// Grant is what a guest may hold. Memory in a grant to PID 1 is already plugged when the grant
// arrives; what a grant to the application says may be used at once.
type Grant struct {
	Serial   uint64 // grows with each grant to one guest
	Revision uint64 // newest demand it answers
	Memory   uint64 // bytes
	IO       uint64 // bytes per second; 0 = unlimited
	MilliCPU uint32 // thousandths of a vCPU
	Within   uint32 // milliseconds by which a shrink should be done; 0 = no hurry
	Price    uint64 // what holding one GiB is worth, in micro-vCPUs of collection; 0 = plenty; see PriceOf
	Limit    Limit  // why not more
}

// PriceOf returns what the price says of one byte: how many vCPUs (processor seconds in each second)
// a guest should be ready to spend on garbage collection to hold one byte less.
func PriceOf(price uint64) (vcpusPerByte float64) { return float64(price) * 1e-6 / (1 << 30) }

// AppendTo appends the wire form.
func (g Grant) AppendTo(b []byte) []byte {
	b = appendU64(b, g.Serial, g.Revision, g.Memory, g.IO)
	b = appendU32(b, g.MilliCPU, g.Within)
	b = appendU64(b, g.Price)
	return append(b, byte(g.Limit), 0, 0, 0, 0, 0, 0, 0)
}

// DecodeGrant reads and checks a Grant. It returns a *[FrameError] on any bad field.
func DecodeGrant(b []byte) (Grant, error) {
	r := reader{op: OpGrant, b: b}
	r.size(grantSize)
	g := Grant{
		Serial: r.u64(), Revision: r.u64(), Memory: r.u64max("memory", MaxMemory), IO: r.u64max("io", maxBytesPerSec),
		MilliCPU: r.u32max("milli cpu", maxMilliCPU), Within: r.u32(), Price: r.u64max("price", MaxPrice),
		Limit: Limit(r.u8max("limit", limitLimit-1)),
	}
	r.zero(7)
	return g, r.err
}
