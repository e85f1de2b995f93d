package hvcall

import (
	"fmt"
	"time"
)

// Phase is how far a guest's move to another host is, as far as the guest has to do with it.
type Phase string

// The phases. A prepare is followed by one of the others, though not for certain by the host that said it.
const (
	PhasePrepare   Phase = "prepare"   // it is about to move: whatever it can do without costs time now
	PhaseCancelled Phase = "cancelled" // it stays where it is
	PhaseArrived   Phase = "arrived"   // it runs on another host now
)

// Migrate tells a guest of its move. The answer to PhasePrepare comes when the guest has done what it could, or Within is
// over.
type Migrate struct {
	Phase    Phase `json:"phase"`
	WithinMS int64 `json:"within_ms,omitempty"` // of PhasePrepare

	UnixNanos int64  `json:"unix_nanos,omitempty"` // of PhaseArrived: the host's clock; the guest stood still
	Seed      []byte `json:"seed,omitempty"`       // likewise: as in Welcome
}

// mostPrepare bounds what a host may ask a guest to wait for.
const mostPrepare = time.Hour

// Within is the time that the guest has.
func (m Migrate) Within() time.Duration { return time.Duration(m.WithinMS) * time.Millisecond }

// Encode returns the JSON form.
func (m Migrate) Encode() []byte { return mustJSON(m) }

// DecodeMigrate reads and checks a Migrate.
func DecodeMigrate(b []byte) (Migrate, error) {
	var m Migrate
	if err := unmarshal(OpMigrate, b, &m); err != nil {
		return Migrate{}, err
	}
	switch {
	case m.Phase != PhasePrepare && m.Phase != PhaseCancelled && m.Phase != PhaseArrived:
		return Migrate{}, &FrameError{Field: "migrate phase", Why: fmt.Sprintf("%.32q is not one", m.Phase)}
	case m.WithinMS < 0 || m.WithinMS > mostPrepare.Milliseconds():
		return Migrate{}, &FrameError{Field: "migrate within", Value: uint64(m.WithinMS), Why: "out of range"}
	case m.UnixNanos < 0:
		return Migrate{}, &FrameError{Field: "migrate clock", Value: uint64(m.UnixNanos), Why: "negative"}
	case len(m.Seed) > MaxSeed:
		return Migrate{}, &FrameError{Field: "migrate seed", Value: uint64(len(m.Seed)), Why: fmt.Sprintf("above the limit of %d bytes", MaxSeed)}
	}
	return m, nil
}
