package hvcall

import "time"

const stealSize = 8

// maxStealSpan bounds what a Steal is measured over.
const maxStealSpan = time.Hour

// Steal is how much of the granted vCPU time the host gave to others: time in which the guest's vCPUs could have run, within what
// is granted, and were kept waiting. A guest cannot see that for itself. It is advice and changes no right.
type Steal struct {
	Taken uint32        // thousandths of the granted time
	Span  time.Duration // over which it was measured; whole milliseconds on the wire
}

// AppendTo appends the wire form.
func (s Steal) AppendTo(b []byte) []byte {
	return appendU32(b, s.Taken, uint32(s.Span.Milliseconds()))
}

// DecodeSteal reads and checks a Steal. It returns a *[FrameError] on any bad field.
func DecodeSteal(b []byte) (Steal, error) {
	r := reader{op: OpSteal, b: b}
	r.size(stealSize)
	s := Steal{Taken: r.u32max("taken", 1000), Span: time.Duration(r.u32max("span", uint32(maxStealSpan.Milliseconds()))) * time.Millisecond}
	return s, r.err
}
