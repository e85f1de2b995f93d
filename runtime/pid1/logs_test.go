package pid1

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestOutputKeepsToTheRules: what is written arrives whole and in order, the first piece at once and the others not faster than
// one in pieceEvery.
func TestOutputKeepsToTheRules(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("a line\n"), 7000) // what a pipe holds
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	w.Close()
	synctest.Test(t, func(t *testing.T) {
		var got []byte
		var at []time.Duration
		start := time.Now()
		fw := &forwarder{send: func(_ hvcall.Stream, b []byte) error {
			got, at = append(got, b...), append(at, time.Since(start))
			return nil
		}}
		fw.forward(hvcall.StreamErr, r)
		fw.wg.Wait()
		if !bytes.Equal(got, want) || !bytes.HasSuffix(want, fw.errs.bytes()) {
			t.Errorf("%d bytes of %d", len(got), len(want))
		}
		for i, d := range at {
			if d != time.Duration(i)*pieceEvery {
				t.Errorf("sent at %v", at)
			}
		}
		if len(at) < 3 {
			t.Errorf("%d pieces", len(at))
		}
	})
}
