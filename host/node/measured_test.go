package node

import (
	"slices"
	"testing"
	"time"
)

func TestStealWords(t *testing.T) {
	var w stealWords
	const ms, none = time.Millisecond, -1
	var got []int
	for _, c := range []struct {
		at    time.Duration
		steal uint32
	}{{250 * ms, 10}, {500 * ms, 99}, {750 * ms, 300}, {1000 * ms, 400}, {1250 * ms, 400}, {1750 * ms, 420}, {2250 * ms, 90}, {2750 * ms, 0}, {3250 * ms, 120}, {3750 * ms, 0}} {
		if tell, due := w.due(c.at, c.steal); due {
			w.said(c.at, tell)
			got = append(got, int(tell))
		} else {
			got = append(got, none)
		}
	}
	if want := []int{none, none, 300, none, 400, none, 0, none, 120, 0}; !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if tell, due := w.due(4500*ms, 500); !due || tell != 500 {
		t.Errorf("%d, due %v", tell, due)
	}
	if tell, due := w.due(5000*ms, 500); !due || tell != 500 {
		t.Errorf("a word that did not leave is not due again: %d, %v", tell, due)
	}
}
