package hvcall

import (
	"context"
	"encoding/binary"
	"fmt"
)

// CorePhase says what a Core is about.
type CorePhase string

// The phases. The first is the host's, all others are the guest's.
const (
	CoreAsk   CorePhase = "ask"   // dump the application, which goes on afterwards; answered when the host has all of it
	CoreBegin CorePhase = "begin" // pieces follow
	CoreEnd   CorePhase = "end"   // that was all
	CoreBroke CorePhase = "broke" // it ends in the middle; Text says why
)

// CoreUnit is what a core is made of: what is not sent of it in whole units from its beginning on is zero, bytes.
const CoreUnit = 4 << 10

const (
	// MaxCorePiece is the most that one CorePiece carries, bytes. A demand waits no longer than for one of them.
	MaxCorePiece = 128 << 10
	// MaxCore is the largest core, bytes, holes included.
	MaxCore = 1 << 40
)

// Core is a step of taking a core: an image of the application's memory and registers, as an ELF file.
type Core struct {
	Phase  CorePhase `json:"phase"`
	Signal int       `json:"signal,omitempty"` // with CoreBegin: what the application crashed by; 0 = the host has asked
	Size   uint64    `json:"size,omitempty"`   // with CoreEnd: bytes, holes included
	Text   string    `json:"text,omitempty"`   // with CoreBroke: one line for people
}

// Encode returns the JSON form, the text cut to what a peer accepts.
func (c Core) Encode() []byte {
	c.Text = clip(c.Text, maxFaultText)
	return mustJSON(c)
}

// DecodeCore reads and checks a Core.
func DecodeCore(b []byte) (Core, error) {
	var c Core
	if err := unmarshal(OpCore, b, &c); err != nil {
		return Core{}, err
	}
	switch c.Phase {
	case CoreAsk, CoreBegin, CoreEnd, CoreBroke:
	default:
		return Core{}, &FrameError{Field: "core phase", Why: fmt.Sprintf("%.20q is unknown", c.Phase)}
	}
	switch {
	case c.Signal < 0 || c.Signal > 64:
		return Core{}, &FrameError{Field: "core signal", Value: uint64(c.Signal), Why: "out of range"}
	case c.Size > MaxCore:
		return Core{}, &FrameError{Field: "core size", Value: c.Size, Why: "out of range"}
	case len(c.Text) > maxFaultText:
		return Core{}, &FrameError{Field: "core text", Value: uint64(len(c.Text)), Why: "too long"}
	}
	return c, nil
}

// CorePiece is some of a core. Pieces come in the order of their offsets, and what lies between them is zero.
type CorePiece struct {
	Offset uint64 // bytes from the beginning of the core
	Data   []byte // 1 to MaxCorePiece
}

// AppendTo appends the wire form: the offset, then the bytes.
func (p CorePiece) AppendTo(b []byte) []byte { return append(appendU64(b, p.Offset), p.Data...) }

// DecodeCorePiece reads and checks a CorePiece. Data aliases b.
func DecodeCorePiece(b []byte) (CorePiece, error) {
	if len(b) <= 8 || len(b) > 8+MaxCorePiece {
		return CorePiece{}, &FrameError{Field: "core piece size", Value: uint64(len(b)), Why: "out of range"}
	}
	p := CorePiece{Offset: binary.LittleEndian.Uint64(b), Data: b[8:]}
	if p.Offset > MaxCore-uint64(len(p.Data)) {
		return CorePiece{}, &FrameError{Field: "core piece offset", Value: p.Offset, Why: "out of range"}
	}
	return p, nil
}

// AskCore has the peer dump its application and returns when this side has been sent all of it.
func (c *Conn) AskCore(ctx context.Context) error {
	_, err := c.Call(ctx, OpCore, Core{Phase: CoreAsk}.Encode())
	return err
}

// TellCore tells the host how far a core is.
func (c *Conn) TellCore(ctx context.Context, step Core) error {
	_, err := c.Call(ctx, OpCore, step.Encode())
	return err
}

// PutCore sends a piece of a core and waits until the host has it.
func (c *Conn) PutCore(ctx context.Context, p CorePiece) error {
	_, err := c.Call(ctx, OpCorePiece, p.AppendTo(make([]byte, 0, 8+len(p.Data))))
	return err
}
