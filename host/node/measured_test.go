package node

import (
	"slices"
	"testing"
	"time"

	"github.com/silo-os/silo/host/cpushare"
)

func TestStealWords(t *testing.T) {
	var w stealWords
	const ms = time.Millisecond
	var got []bool
	for _, c := range []struct {
		at    time.Duration
		steal uint32
	}{{250 * ms, 10}, {500 * ms, 60}, {750 * ms, 300}, {1000 * ms, 300}, {1500 * ms, 320}, {2000 * ms, 20}, {2500 * ms, 0}, {3000 * ms, 0}} {
		got = append(got, w.due(c.at, c.steal))
	}
	if want := []bool{false, true, false, true, false, true, true, false}; !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestBrokerNews: the same is told twice, what has changed again.
func TestBrokerNews(t *testing.T) {
	var n brokerNews
	var got []bool
	for _, r := range []cpushare.Reading{{Used: 10}, {Used: 20}, {Used: 30}, {Used: 500}, {Used: 510}, {Used: 490}, {Used: 490, Steal: 80}} {
		got = append(got, n.due(r))
	}
	if want := []bool{true, true, false, true, true, false, true}; !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
