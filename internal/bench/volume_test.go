package bench

import (
	"strings"
	"testing"

	"github.com/silo-os/silo/internal/bench/volumeload/proof"
)

func TestJudgeVolume(t *testing.T) {
	r := &volumeRun{lost: []float64{0, 3, 0}, after: 2, faults: []string{"round 2: 5 records were acknowledged, 2 are there"}}
	results, err := r.judge()
	if err != nil || results[0].Value != 5 || results[0].OK || !strings.Contains(results[0].Note, "a short run") ||
		!strings.Contains(results[0].Note, "5 records were acknowledged") {
		t.Errorf("%+v, %v", results, err)
	}
}

// TestLanesCompareTheirOwn: each lane's guest is held against what that lane had acknowledged.
func TestLanesCompareTheirOwn(t *testing.T) {
	for name, c := range map[string]struct {
		round, acked uint64
		found        proof.Report
		lost         float64
	}{
		"all of it":                 {3, 5, proof.Report{Round: 3, Records: 5}, 0},
		"and what was on its way":   {3, 5, proof.Report{Round: 3, Records: 9}, 0},
		"some are gone":             {3, 5, proof.Report{Round: 3, Records: 2}, 3},
		"the round is gone":         {3, 5, proof.Report{Round: 2, Records: 9}, 5},
		"it had not begun":          {3, 0, proof.Report{Round: 2, Records: 9}, 0},
		"nothing was ever written":  {0, 0, proof.Report{}, 0},
		"all there, one file wrong": {3, 8, proof.Report{Round: 3, Records: 8, Wrong: "record 8"}, 1},
	} {
		r := &volumeRun{}
		l, other := &volumeLane{volumeRun: r, name: "a", round: c.round, acked: c.acked}, &volumeLane{volumeRun: r, name: "b"}
		if lost := l.compare(c.found); lost != c.lost || (len(r.faults) > 0) != (lost > 0) || r.found != c.found.Records {
			t.Errorf("%s: %v lost, %q, %d found", name, lost, r.faults, r.found)
		}
		if len(r.faults) > 0 && !strings.HasPrefix(r.faults[0], "a, round 3: ") {
			t.Errorf("%s: %q does not say whose it is", name, r.faults[0])
		}
		if lost := other.compare(proof.Report{}); lost != 0 {
			t.Errorf("%s: the other lane lost %v", name, lost)
		}
	}
}
