package proof

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestRecordsProveThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seq := rapid.Uint64().Draw(t, "seq")
		b := Encode(seq)
		if got, err := Decode(b); len(b) != Size || err != nil || got != seq {
			t.Fatalf("%d comes back as %d, %v, of %d bytes", seq, got, err, len(b))
		}
		b[rapid.IntRange(0, Size-1).Draw(t, "at")] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		if got, err := Decode(b); err == nil {
			t.Fatalf("with one bit changed it is %d", got)
		}
	})
}

func TestCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log []byte
		n := rapid.IntRange(0, 20).Draw(t, "records")
		for seq := range n {
			log = append(log, Encode(uint64(seq+1))...)
		}
		cut := rapid.IntRange(0, len(log)).Draw(t, "cut")
		tail := rapid.SampledFrom([][]byte{nil, make([]byte, Size), make([]byte, 3*Size), Encode(uint64(n + 5))}).Draw(t, "tail")
		got, err := Count(bytes.NewReader(log[:cut]))
		if want := uint64(cut / Size); err != nil || got != want {
			t.Fatalf("%d records of a log cut at %d, %v; want %d", got, cut, err, want)
		}
		if got, err := Count(bytes.NewReader(append(log, tail...))); err != nil || got != uint64(n) {
			t.Fatalf("%d records of %d and what follows, %v", got, n, err)
		}
	})
}
