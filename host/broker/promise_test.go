package broker

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPromisesAgainstAList compares with a list of all grants: never less than the most that may still
// be used, exactly that while there are few, and never more than maxPromises kept.
func TestPromisesAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []int64{7} // by serial
		p := Promises{{Amount: 7}}
		done := uint64(0)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "apply") == 0 {
				done = rapid.Uint64Range(done, uint64(len(all)-1)).Draw(t, "serial")
				p = p.applied(done)
			} else {
				amount := rapid.Int64Range(0, 100).Draw(t, "amount") - int64(len(all))
				p = p.add(Promise{Serial: uint64(len(all)), Amount: amount})
				all = append(all, amount)
			}
			most := all[done]
			for _, a := range all[done:] {
				most = max(most, a)
			}
			if p.upper() < most || len(all) <= maxPromises && p.upper() != most || len(p) > maxPromises {
				t.Fatalf("the most still usable is %d, the promises say %d: %v", most, p.upper(), p)
			}
		}
	})
}
