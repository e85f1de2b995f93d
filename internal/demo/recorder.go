package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/internal/timeline"
)

// recorder keeps what the host observes of the guest and prints a line for each change.
type recorder struct {
	out io.Writer

	mu      sync.Mutex
	start   time.Time // of the run; guarded by mu, as all below
	seen    []node.Observation
	phases  []timeline.Phase
	stopped bool
	shown   node.Observation // the last one printed
	more    chan struct{}    // closed at the next observation
}

func newRecorder(out io.Writer, start time.Time) *recorder {
	return &recorder{out: out, start: start, more: make(chan struct{})}
}

// quietFor is how long changes are gathered into one line, and residentStep how far the held memory
// must move to be worth one: it never stands quite still.
const (
	quietFor     = 500 * time.Millisecond
	residentStep = 32 << 20
)

// observe takes in how the guest stands.
func (r *recorder) observe(o node.Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	if o.Resident < 0 && len(r.seen) > 0 { // could not be read this time
		o.Resident = r.seen[len(r.seen)-1].Resident
	}
	r.seen = append(r.seen, o)
	close(r.more)
	r.more = make(chan struct{})
	if o.Time.Sub(r.shown.Time) >= quietFor && differs(r.shown, o) {
		r.shown = o
		fmt.Fprintf(r.out, "%7.1fs  %s\n", o.Time.Sub(r.start).Seconds(), figures(o))
	}
}

// differs reports whether people would want to hear of b after a.
func differs(a, b node.Observation) bool {
	moved := max(a.Resident, b.Resident) - min(a.Resident, b.Resident)
	return a.Demanded != b.Demanded || a.Granted != b.Granted || vcpus(a) != vcpus(b) ||
		a.Usage.Stalls != b.Usage.Stalls || moved >= residentStep
}

// figures are what a line shows of an observation.
func figures(o node.Observation) string {
	return fmt.Sprintf("demanded %5d  granted %5d  resident %5d MiB   vCPUs %d   stalls %d",
		o.Demanded>>20, o.Granted>>20, o.Resident>>20, vcpus(o), o.Usage.Stalls)
}

// vcpus is how many processors are granted; a part of one is one.
func vcpus(o node.Observation) int { return int(o.GrantedMilli+999) / 1000 }

// begin marks the start of a phase.
func (r *recorder) begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := time.Since(r.start)
	r.phases = append(r.phases, timeline.Phase{At: at, Name: name})
	fmt.Fprintf(r.out, "%7.1fs  == %s\n", at.Seconds(), name)
}

// until waits for the first observation from now on that is as wanted, the newest one included.
func (r *recorder) until(ctx context.Context, wanted func(node.Observation) bool) (node.Observation, error) {
	for next := max(r.len()-1, 0); ; {
		seen, more := r.since(next)
		if i := slices.IndexFunc(seen, wanted); i >= 0 {
			return seen[i], nil
		}
		next += len(seen)
		select {
		case <-more:
		case <-ctx.Done():
			return node.Observation{}, context.Cause(ctx)
		}
	}
}

func (r *recorder) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func (r *recorder) since(n int) ([]node.Observation, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen[n:]), r.more
}

// stop ends the recording, so that the guest's own end is no part of it, and returns what there is.
func (r *recorder) stop() []node.Observation {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	return slices.Clone(r.seen)
}

// line is the run as a picture, from the first grant on.
func (r *recorder) line(title string) timeline.Timeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := timeline.Timeline{Title: title, Phases: slices.Clone(r.phases)}
	for _, o := range r.seen {
		if o.Granted == 0 {
			continue
		}
		t.Samples = append(t.Samples, timeline.Sample{
			At: max(o.Time.Sub(r.start), 0), Demanded: o.Demanded, Granted: o.Granted, Resident: max(o.Resident, 0),
			VCPUs: float64(vcpus(o)), Stalls: o.Usage.Stalls,
		})
	}
	return t
}
