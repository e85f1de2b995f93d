package hvcall

import (
	"encoding/binary"
	"fmt"
	"io"
)

// HeaderSize is the length of a frame's header in bytes.
const HeaderSize = 16

// Magic opens every frame: the letters SILO in memory order.
const Magic uint32 = 'S' | 'I'<<8 | 'L'<<16 | 'O'<<24

// DefaultMaxFrame is the largest payload, in bytes, that a side accepts until Hello agreed on another.
const DefaultMaxFrame = 1 << 20

// Header is what stands before each payload.
//
//	offset 0  magic   uint32
//	       4  op      uint16
//	       6  flags   uint16
//	       8  length  uint32  bytes of payload
//	      12  seq     uint32  pairs a reply with its call; 0 in statements
type Header struct {
	Op     Op
	Flags  Flags
	Length uint32
	Seq    uint32
}

// Frame is one header with its payload.
type Frame struct {
	Header
	Payload []byte
}

// AppendFrame appends the frame's wire form to b. Length is taken from the payload.
func AppendFrame(b []byte, f Frame) []byte {
	b = binary.LittleEndian.AppendUint32(b, Magic)
	b = binary.LittleEndian.AppendUint16(b, uint16(f.Op))
	b = binary.LittleEndian.AppendUint16(b, uint16(f.Flags))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Payload)))
	b = binary.LittleEndian.AppendUint32(b, f.Seq)
	return append(b, f.Payload...)
}

// ParseHeader reads a header and checks it against max, the largest payload accepted.
// It returns a *[FrameError] for anything a correct peer would not send.
func ParseHeader(b []byte, max uint32) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, &FrameError{Field: "header", Value: uint64(len(b)), Why: "too short"}
	}
	if m := binary.LittleEndian.Uint32(b); m != Magic {
		return Header{}, &FrameError{Field: "magic", Value: uint64(m), Why: "not a silo frame"}
	}
	h := Header{
		Op:     Op(binary.LittleEndian.Uint16(b[4:])),
		Flags:  Flags(binary.LittleEndian.Uint16(b[6:])),
		Length: binary.LittleEndian.Uint32(b[8:]),
		Seq:    binary.LittleEndian.Uint32(b[12:]),
	}
	return h, h.check(max)
}

func (h Header) check(max uint32) error {
	switch {
	case h.Length > max:
		return &FrameError{Field: "length", Value: uint64(h.Length), Why: fmt.Sprintf("above the limit of %d bytes", max)}
	case h.Flags&^flagsKnown != 0:
		return &FrameError{Field: "flags", Value: uint64(h.Flags), Why: "unknown bits"}
	case h.Flags&FlagCall != 0 && h.Flags&FlagReply != 0:
		return &FrameError{Field: "flags", Value: uint64(h.Flags), Why: "both call and reply"}
	case h.Flags&FlagError != 0 && h.Flags&FlagReply == 0:
		return &FrameError{Field: "flags", Value: uint64(h.Flags), Why: "error outside a reply"}
	case h.Flags != 0 && h.Seq == 0:
		return &FrameError{Field: "seq", Value: 0, Why: "zero in a call or reply"}
	}
	return nil
}

// ReadFrame reads one frame. Nothing is allocated for the payload before its length has been
// checked, so a hostile length costs the reader nothing.
func ReadFrame(r io.Reader, max uint32) (Frame, error) {
	in := frameReader{r: r, max: max}
	f, _, err := in.next(0)
	return f, err
}

// frameReader reads one frame after the other. What a heartbeat or a grant takes it has: they come where memory is late, and
// a reader that had to wait for it would hear of nothing.
type frameReader struct {
	r     io.Reader
	max   uint32 // payload, bytes
	hdr   [HeaderSize]byte
	brief [maxBrief]byte // the newest payload that is read into it
}

// maxBrief is the longest payload, in bytes, of a passing frame for which nothing is allocated. A Grant is shorter than the longest heartbeat.
const maxBrief = maxHeartbeat

// next reads a frame, and goes on byte by byte where no header stands, over at most skip bytes. It returns
// how many it skipped. The payload of a passing frame may hold only until next is called again.
func (in *frameReader) next(skip int64) (_ Frame, skipped int64, err error) {
	hdr := in.hdr[:]
	if _, err := io.ReadFull(in.r, hdr); err != nil {
		return Frame{}, 0, err
	}
	h, err := ParseHeader(hdr, in.max)
	for ; err != nil && skipped < skip; skipped++ {
		copy(hdr, hdr[1:])
		if _, err := io.ReadFull(in.r, hdr[HeaderSize-1:]); err != nil {
			return Frame{}, skipped, err
		}
		h, err = ParseHeader(hdr, in.max)
	}
	if err != nil {
		return Frame{}, skipped, err
	}
	f, err := in.payload(h)
	return f, skipped, err
}

// passing reports that nobody keeps the frame's payload: it is answered by the reader itself, or is a statement that consists of numbers
// and comes where memory is late.
func (h Header) passing() bool {
	return h.Op == OpHeartbeat && h.Flags&FlagCall != 0 || h.Flags == 0 && (h.Op == OpGrant || h.Op == OpSteal)
}

func (in *frameReader) payload(h Header) (Frame, error) {
	f := Frame{Header: h}
	switch {
	case h.Length == 0:
		return f, nil
	case h.Length <= maxBrief && h.passing():
		f.Payload = in.brief[:h.Length]
	default:
		f.Payload = make([]byte, h.Length)
	}
	if _, err := io.ReadFull(in.r, f.Payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, fmt.Errorf("read payload of %s: %w", h.Op, err)
	}
	return f, nil
}
