package bench

import (
	"math"
	"testing"
	"time"
)

func TestJudgeContended(t *testing.T) {
	run := func(requests, p99 float64) contendedRun {
		return contendedRun{requests: requests, p99: p99, counts: vcpuCounts{ran: 9 * time.Second, waited: time.Second, preempted: 3}}
	}
	// Each round is compared with itself: a slow minute of the machine must not count.
	rs, err := judgeContended([2][]contendedRun{
		{run(1100, 5), run(500, 30), run(1200, 6)},
		{run(1000, 10), run(500, 40), run(1000, 10)},
	})
	if err != nil || len(rs) != 2 {
		t.Fatalf("%+v, %v", rs, err)
	}
	for i, want := range []struct {
		bar   string
		value float64
		ok    bool
	}{{"cpu.contended_throughput", 1.1, true}, {"cpu.contended_p99", 0.6, true}} {
		if r := rs[i]; r.Bar != want.bar || math.Abs(r.Value-want.value) > 1e-9 || r.OK != want.ok || r.N != 3 {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
	if _, err := judgeContended([2][]contendedRun{}); err == nil {
		t.Error("bars were judged without a measurement")
	}
}
