package bench

import (
	"context"
	"fmt"
	"time"
)

// heapSample is what the host holds for a guest at one moment of a recording.
type heapSample struct {
	at       time.Duration
	resident int64 // bytes
}

// recording is host-resident memory over time, in order.
type recording []heapSample

// sampleEvery is the period of a recording.
const sampleEvery = 50 * time.Millisecond

// record samples until ctx ends. A guest that ends while it is looked at holds nothing any more.
func record(ctx context.Context, start time.Time, resident func() (int64, error), gone <-chan struct{}) (r recording, err error) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		n, err := resident()
		if err != nil {
			select {
			case <-gone:
				return r, nil
			case <-time.After(time.Second): // its end may be told a moment later
				return r, fmt.Errorf("read resident memory: %w", err)
			}
		}
		r = append(r, heapSample{time.Since(start), n})
		select {
		case <-ctx.Done():
			return r, nil
		case <-gone:
			return r, nil
		case <-tick.C:
		}
	}
}

// between is the part of a recording from one moment to another.
func (r recording) between(from, to time.Duration) (part recording) {
	for _, s := range r {
		if s.at >= from && s.at <= to {
			part = append(part, s)
		}
	}
	return part
}

// gibSeconds is the integral, with straight lines between the samples.
func (r recording) gibSeconds() (sum float64) {
	for i := 1; i < len(r); i++ {
		mean := float64(r[i-1].resident+r[i].resident) / 2
		sum += mean / (1 << 30) * (r[i].at - r[i-1].at).Seconds()
	}
	return sum
}

func (r recording) peak() (most int64) {
	for _, s := range r {
		most = max(most, s.resident)
	}
	return most
}

// returned is how long after a drop the host had 90 % of the dropped bytes back. Where it did not within
// the recording, it is the time to its end, and false.
func (r recording) returned(drop time.Duration, dropped int64) (after time.Duration, ok bool) {
	held := int64(-1)
	for _, s := range r {
		if s.at <= drop {
			held = s.resident
			continue
		}
		if held < 0 {
			held = s.resident
		}
		after = s.at - drop
		if s.resident <= held-dropped*9/10 {
			return after, true
		}
	}
	return after, false
}
