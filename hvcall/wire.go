package hvcall

import "encoding/binary"

func appendU64(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func appendU32(b []byte, vs ...uint32) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// reader takes fixed fields off a payload and remembers the first thing that was wrong, so
// that a decoder reads as a list of its fields. After an error it returns zeros.
type reader struct {
	op  Op
	b   []byte
	err error
}

func (r *reader) fail(field string, v uint64, why string) {
	if r.err == nil {
		r.err = &FrameError{Field: r.op.String() + " " + field, Value: v, Why: why}
	}
}

// size demands the exact length: a fixed layout has no optional tail. It changes only with a new
// operation or a capability that both sides named.
func (r *reader) size(n int) {
	if len(r.b) != n {
		r.fail("size", uint64(len(r.b)), "not the fixed size of the operation")
		r.b = nil
	}
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.fail("size", uint64(len(r.b)), "too short")
		r.b = nil
		return make([]byte, n)
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

func (r *reader) u64max(field string, max uint64) uint64 {
	v := r.u64()
	if v > max {
		r.fail(field, v, "out of range")
	}
	return v
}

func (r *reader) u32max(field string, max uint32) uint32 {
	v := r.u32()
	if v > max {
		r.fail(field, uint64(v), "out of range")
	}
	return v
}

func (r *reader) u8max(field string, max uint8) uint8 {
	v := r.take(1)[0]
	if v > max {
		r.fail(field, uint64(v), "out of range")
	}
	return v
}

// zero checks padding: bits that mean nothing today must be free to mean something tomorrow.
func (r *reader) zero(n int) {
	for _, v := range r.take(n) {
		if v != 0 {
			r.fail("padding", uint64(v), "not zero")
		}
	}
}
