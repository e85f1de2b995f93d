package hvcall

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Role says who opens the conversation.
type Role string

// The two who may say Hello.
const (
	RolePID1        Role = "pid1"
	RoleApplication Role = "application"
)

// Capability names an extension that both sides must know before either uses it. There is no
// version number: what is not in both lists is not spoken.
type Capability string

// The capabilities of this implementation.
const (
	CapMemory Capability = "memory" // Demand.Memory is honoured
	CapCPU    Capability = "cpu"    // Demand.MilliCPU is honoured
	CapLog    Capability = "log"    // Log frames are read
	CapSteal  Capability = "steal"  // Steal is read

	CapVolumes Capability = "volumes" // Welcome.Volumes are mounted before the application starts
	CapCores   Capability = "cores"   // Welcome.Cores is obeyed, and Core is answered
)

const (
	maxCapabilities = 64
	maxNameLength   = 256
	maxHello        = 16 << 10 // bytes of JSON; checked before it is parsed, for a parsed list takes more room than its text
)

// Hello is the first frame of a guest. Saying it again is harmless: it is answered with the same
// Welcome, which is how a guest finds its host after a gap.
type Hello struct {
	Role         Role         `json:"role"`
	Build        string       `json:"build,omitempty"`        // version of silo in the guest
	Capabilities []Capability `json:"capabilities,omitempty"` // what the guest can do
	MaxFrame     uint32       `json:"max_frame,omitempty"`    // largest payload it accepts, bytes; 0 = DefaultMaxFrame
	NumCPU       int          `json:"num_cpu,omitempty"`      // processors it sees
	PID          int          `json:"pid,omitempty"`
}

// Encode returns the JSON form.
func (h Hello) Encode() []byte { return mustJSON(h) }

// DecodeHello reads and checks a Hello.
func DecodeHello(b []byte) (Hello, error) {
	var h Hello
	if len(b) > maxHello {
		return Hello{}, &FrameError{Field: "hello size", Value: uint64(len(b)), Why: fmt.Sprintf("above the limit of %d bytes", maxHello)}
	}
	if err := unmarshal(OpHello, b, &h); err != nil {
		return Hello{}, err
	}
	switch {
	case h.Role != RolePID1 && h.Role != RoleApplication:
		return Hello{}, &FrameError{Field: "hello role", Why: fmt.Sprintf("%.32q is neither pid1 nor application", h.Role)}
	case len(h.Capabilities) > maxCapabilities:
		return Hello{}, &FrameError{Field: "hello capabilities", Value: uint64(len(h.Capabilities)), Why: "too many"}
	case len(h.Build) > maxNameLength:
		return Hello{}, &FrameError{Field: "hello build", Value: uint64(len(h.Build)), Why: "too long"}
	case h.NumCPU < 0 || h.NumCPU > maxMilliCPU/1000:
		return Hello{}, &FrameError{Field: "hello num_cpu", Value: uint64(h.NumCPU), Why: "out of range"}
	}
	return h, nil
}

// Can reports whether c is in the list.
func (h Hello) Can(c Capability) bool {
	for _, have := range h.Capabilities {
		if have == c {
			return true
		}
	}
	return false
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Only types of this package come here, and they have no member that JSON cannot hold.
		panic(fmt.Sprintf("hvcall: encode %T: %v", v, err))
	}
	return b
}

func unmarshal(op Op, b []byte, v any) error {
	if !utf8.Valid(b) {
		return &FrameError{Field: op.String() + " payload", Value: uint64(len(b)), Why: "not UTF-8"}
	}
	if err := json.Unmarshal(b, v); err != nil {
		return &FrameError{Field: op.String() + " payload", Value: uint64(len(b)), Why: err.Error()}
	}
	return nil
}
