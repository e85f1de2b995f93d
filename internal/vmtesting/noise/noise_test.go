package noise

import (
	"testing"

	"github.com/klauspost/compress/s2"
)

func TestFill(t *testing.T) {
	for seed := range uint64(9) {
		b := make([]byte, 1<<18)
		Fill(b, seed)
		if n := len(s2.Encode(nil, b)); n < len(b) {
			t.Errorf("seed %d: %d bytes become %d", seed, len(b), n)
		}
	}
}
