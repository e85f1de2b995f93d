package images

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clockedProgress is a progress whose clock the test moves.
func clockedProgress(steps []step) (*progress, *bytes.Buffer, *time.Time) {
	var said bytes.Buffer
	p := newProgress(&said, "job", steps)
	now := time.Unix(0, 0)
	p.now = func() time.Time { return now }
	p.start = now
	return p, &said, &now
}

func TestProgressLines(t *testing.T) {
	p, said, now := clockedProgress([]step{{"fetch", 1}, {"make", 3}})
	p.Begin("fetch")
	*now = now.Add(5 * time.Second)
	p.Within(0.5, "") // too soon after the last line
	*now = now.Add(5 * time.Second)
	p.Begin("make")
	*now = now.Add(10 * time.Second)
	p.Within(0.5, "5 of 10 files")
	*now = now.Add(12 * time.Second)
	p.Done("ready")
	want := "job: fetch, 0 %\n" +
		"job: make, 25 %, 30s left\n" +
		"job: make, 62 % (5 of 10 files), 12s left\n" +
		"job: ready in 32s\n"
	if said.String() != want {
		t.Errorf("said\n%swant\n%s", said, want)
	}
}

func TestSilentProgress(t *testing.T) {
	p := newProgress(nil, "job", []step{{"make", 1}})
	p.Begin("make")
	p.Within(0.5, "")
	p.Stop()
	p.Done("ready") // nothing to write to: must not fail
}

// TestProgressOnlyGrows: whatever a step says of itself, the whole goes on and stays within
// its bounds, and a job that runs evenly is predicted well.
func TestProgressOnlyGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0.1, 100), 1, 6).Draw(t, "weights")
		var steps []step
		for i, w := range weights {
			steps = append(steps, step{strings.Repeat("x", i+1), w})
		}
		p, _, _ := clockedProgress(steps)
		last := 0.0
		for _, s := range steps {
			p.Begin(s.name)
			for _, part := range []float64{0, 0.3, 1} {
				done := p.done(part)
				if done < last-1e-9 || done > 1+1e-9 {
					t.Fatalf("done %v after %v", done, last)
				}
				last = done
			}
		}
		if last < 1-1e-9 {
			t.Fatalf("done %v at the end", last)
		}
		done := rapid.Float64Range(0.03, 1).Draw(t, "done")
		total := 100 * time.Minute
		left, ok := timeLeft(time.Duration(done*float64(total)), done)
		if want := time.Duration((1 - done) * float64(total)); !ok || (left-want).Abs() > time.Second {
			t.Fatalf("%v left, want %v", left, want)
		}
	})
}
