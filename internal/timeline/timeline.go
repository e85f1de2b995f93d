package timeline

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Sample is the state of a guest at one moment, as the host sees it.
type Sample struct {
	At       time.Duration // since the run began
	Demanded int64         // bytes the guest asks for
	Granted  int64         // bytes the guest may use
	Resident int64         // bytes of guest memory that the host really holds
	VCPUs    float64       // granted
	Stalls   uint64        // threads that waited for memory, since the run began
}

// Phase is what the run did from a moment on.
type Phase struct {
	At   time.Duration // when it began
	Name string        // a few words for people
}

// Timeline is everything a picture shows.
type Timeline struct {
	Title   string
	Samples []Sample // by time
	Phases  []Phase  // by time
}

// ErrTooFew is returned where there is nothing to draw a line between.
var ErrTooFew = errors.New("fewer than two samples")

// check refuses what would be drawn wrong.
func (t Timeline) check() error {
	if len(t.Samples) < 2 {
		return fmt.Errorf("draw timeline: %w", ErrTooFew)
	}
	if !slices.IsSortedFunc(t.Samples, func(a, b Sample) int { return int(a.At - b.At) }) {
		return errors.New("draw timeline: the samples are not in the order of time")
	}
	return nil
}

// end is the last moment that is shown, in seconds.
func (t Timeline) end() float64 {
	end := t.Samples[len(t.Samples)-1].At
	if n := len(t.Phases); n > 0 {
		end = max(end, t.Phases[n-1].At)
	}
	return end.Seconds()
}
