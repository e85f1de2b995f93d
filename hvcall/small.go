package hvcall

import "time"

// Shutdown asks a guest to end by itself. The reply only says that it was heard.
type Shutdown struct {
	Within time.Duration // after which the host ends it; whole milliseconds on the wire
}

// AppendTo appends the wire form: milliseconds, 8 bytes.
func (s Shutdown) AppendTo(b []byte) []byte { return appendU64(b, uint64(s.Within.Milliseconds())) }

// DecodeShutdown reads and checks a Shutdown.
func DecodeShutdown(b []byte) (Shutdown, error) {
	r := reader{op: OpShutdown, b: b}
	r.size(8)
	ms := r.u64max("within", uint64((24 * time.Hour).Milliseconds()))
	return Shutdown{Within: time.Duration(ms) * time.Millisecond}, r.err
}

// maxHeartbeat bounds what a heartbeat echoes.
const maxHeartbeat = 64

// Clock is the host's wall clock, the answer to OpTime.
type Clock struct {
	UnixNanos uint64
}

// AppendTo appends the wire form: nanoseconds since 1970, 8 bytes.
func (c Clock) AppendTo(b []byte) []byte { return appendU64(b, c.UnixNanos) }

// DecodeClock reads and checks a Clock. A time before 2020 or after 2200 is refused: it would
// break every certificate check in the guest.
func DecodeClock(b []byte) (Clock, error) {
	const y2020, y2200 = 1577836800e9, 7258118400e9
	r := reader{op: OpTime, b: b}
	r.size(8)
	c := Clock{UnixNanos: r.u64()}
	if r.err == nil && (c.UnixNanos < y2020 || c.UnixNanos > y2200) {
		r.fail("clock", c.UnixNanos, "not between 2020 and 2200")
	}
	return c, r.err
}
