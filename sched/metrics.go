package sched

import (
	"runtime/metrics"
	"time"

	"github.com/silo-os/silo/internal/alarm"
)

// tracked is how many waits there are for each one in /sched/latencies: the runtime measures every eighth of
// a goroutine's.
const tracked = 8

// reader takes samples of this process.
type reader struct {
	samples [4]metrics.Sample
}

func newReader() *reader {
	r := &reader{}
	for i, name := range [...]string{
		"/sched/goroutines/running:goroutines",
		"/sched/goroutines/runnable:goroutines",
		"/sched/gomaxprocs:threads",
		"/sched/latencies:seconds",
	} {
		r.samples[i].Name = name
	}
	return r
}

func (r *reader) read() Sample {
	metrics.Read(r.samples[:])
	n := func(i int) int {
		if v := r.samples[i].Value; v.Kind() == metrics.KindUint64 {
			return int(v.Uint64())
		}
		return 0
	}
	s := Sample{Running: n(0), Runnable: n(1), Procs: n(2), CPU: alarm.ProcessorTime()}
	if v := r.samples[3].Value; v.Kind() == metrics.KindFloat64Histogram {
		s.Waited, s.Starts = waits(v.Float64Histogram())
	}
	return s
}

// waits sums up a histogram of seconds: how long all waited, each taken for the lower end of its bucket, and how
// many they were.
func waits(h *metrics.Float64Histogram) (sum time.Duration, n uint64) {
	seconds := 0.0
	for i, count := range h.Counts {
		if count == 0 {
			continue
		}
		n += count
		seconds += float64(count) * max(h.Buckets[i], 0)
	}
	return time.Duration(seconds * tracked * float64(time.Second)), n * tracked
}
