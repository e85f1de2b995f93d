package bench

import (
	"math"
	"strings"
	"testing"
)

func pair(gcA, gcB, wall float64) pricePair {
	return pricePair{reports: [2]priceReport{{GC: gcA, Wall: wall}, {GC: gcB, Wall: wall / 2}}}
}

// TestJudgePrice: each run of the rule is compared with the equal split that ran after it.
func TestJudgePrice(t *testing.T) {
	r, err := judgePrice([3][]pricePair{
		{pair(1, 1, 10), pair(2, 2, 20), pair(1, 2, 10)},
		{pair(2, 2, 11), pair(4, 4, 21), pair(5, 5, 11)},
		{pair(1, 2, 12), pair(2, 4, 22), pair(3, 3, 12)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Value != 0.5 || r.Max != 0.5 || math.Abs(r.Min-0.3) > 1e-9 || r.N != 3 || !r.OK {
		t.Errorf("%+v", r)
	}
	for _, part := range []string{"price: 3.00 s of collection, 10.0 s in all", "equal split: 8.00 s of collection, 11.0 s in all", "used in full: 0.67"} {
		if !strings.Contains(r.Note, part) {
			t.Errorf("%q is not in %q", part, r.Note)
		}
	}
	if _, err := judgePrice([3][]pricePair{}); err == nil {
		t.Error("no measurement is no error")
	}
}

func TestJudgeGovernor(t *testing.T) {
	r, err := judgeGovernor([]governorReport{{Wall: 10, CPU: 1.05}, {Wall: 10, CPU: 1.2}, {Wall: 10, CPU: 1.1}},
		[]governorReport{{Wall: 10, CPU: 1}, {Wall: 10, CPU: 1}, {Wall: 10, CPU: 1}}, 1500)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Value-1) > 1e-9 || math.Abs(r.Min-0.5) > 1e-9 || math.Abs(r.Max-2) > 1e-9 || !strings.Contains(r.Note, "1.5 µs") {
		t.Errorf("%+v", r)
	}
}

func TestBenchmarkLine(t *testing.T) {
	m := benchmarkLine.FindStringSubmatch("BenchmarkCycle-2   \t    5000\t      1583 ns/op\t       0 B/op\t       0 allocs/op\n")
	if m == nil || m[1] != "1583" || m[2] != "0" {
		t.Errorf("found %q", m)
	}
}
