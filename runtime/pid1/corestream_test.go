package pid1

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// TestCoreStream: whatever is written in whatever portions, the pieces and zeros between them are it; each piece is one
// that a host accepts, in order, and none holds a whole unit of zeros.
func TestCoreStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawCore(t)
		got := make([]byte, len(want))
		var next uint64
		s := coreStream{put: func(p hvcall.CorePiece) error {
			if _, err := hvcall.DecodeCorePiece(p.AppendTo(nil)); err != nil || p.Offset < next {
				t.Fatalf("piece at %d, next %d: %v", p.Offset, next, err)
			}
			for at := (p.Offset + hvcall.CoreUnit - 1) / hvcall.CoreUnit * hvcall.CoreUnit; at+hvcall.CoreUnit <= p.Offset+uint64(len(p.Data)); at += hvcall.CoreUnit {
				if bytes.Equal(p.Data[at-p.Offset:at-p.Offset+hvcall.CoreUnit], coreZeros[:]) {
					t.Fatalf("zeros are sent at %d", at)
				}
			}
			next = p.Offset + uint64(len(p.Data))
			copy(got[p.Offset:], p.Data)
			return nil
		}}
		for rest := want; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 200<<10).Draw(t, "portion"))
			if k, err := s.Write(rest[:n]); k != n || err != nil {
				t.Fatalf("wrote %d of %d: %v", k, n, err)
			}
			rest = rest[n:]
		}
		if err := s.flush(); err != nil || s.at != uint64(len(want)) || !bytes.Equal(got, want) {
			t.Errorf("%v, %d bytes of %d, equal: %v", err, s.at, len(want), bytes.Equal(got, want))
		}
	})
}

// drawCore is of units that are full, empty, or nearly so.
func drawCore(t *rapid.T) (b []byte) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	for range rapid.IntRange(0, 100).Draw(t, "units") {
		unit := make([]byte, hvcall.CoreUnit)
		switch r.IntN(4) {
		case 0:
			for i := range unit {
				unit[i] = byte(r.Uint32())
			}
		case 1:
			unit[r.IntN(len(unit))] = 1
		}
		b = append(b, unit...)
	}
	return append(b, make([]byte, r.IntN(100))...)
}

func TestCoreStreamFails(t *testing.T) {
	full := errors.New("the disk is full")
	s := coreStream{put: func(hvcall.CorePiece) error { return full }}
	if _, err := s.Write(bytes.Repeat([]byte{1}, 2*hvcall.MaxCorePiece)); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}
