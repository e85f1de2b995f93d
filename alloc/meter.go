package alloc

import (
	"math"
	"runtime/metrics"
	"syscall"
	"time"
)

// meter reads Samples. It is not safe for concurrent use; reading allocates nothing.
type meter struct {
	samples []metrics.Sample
}

// The order of these names is the order of the fields in read.
var meterNames = [...]string{
	"/gc/cycles/total:gc-cycles",
	"/gc/heap/live:bytes",
	"/gc/scan/stack:bytes",
	"/gc/scan/globals:bytes",
	"/gc/gogc:percent",
	"/memory/classes/heap/objects:bytes",
	"/memory/classes/heap/unused:bytes",
	"/memory/classes/heap/free:bytes",
	"/memory/classes/total:bytes",
	"/memory/classes/heap/released:bytes",
	"/gc/heap/allocs:bytes",
	"/cpu/classes/gc/total:cpu-seconds",
}

func newMeter() *meter {
	m := &meter{samples: make([]metrics.Sample, len(meterNames))}
	for i, name := range meterNames {
		m.samples[i].Name = name
	}
	return m
}

func (m *meter) read() Sample {
	metrics.Read(m.samples)
	s := Sample{
		Cycles: m.u(0), Live: m.i(1), Stacks: m.i(2), Globals: m.i(3), GOGC: m.i(4),
		Objects: m.i(5), Unused: m.i(6), Free: m.i(7), Total: m.i(8), Released: m.i(9), Allocs: m.i(10),
		GCCPU: time.Duration(m.f(11) * float64(time.Second)),
		CPU:   processCPU(),
	}
	return s
}

func (m *meter) u(i int) uint64 {
	if v := m.samples[i].Value; v.Kind() == metrics.KindUint64 {
		return v.Uint64()
	}
	return 0 // a metric that a later Go no longer has
}

// i is a size; values that do not fit, such as GOGC=off, become -1.
func (m *meter) i(i int) int64 {
	v := m.u(i)
	if v > math.MaxInt64 {
		return -1
	}
	return int64(v)
}

func (m *meter) f(i int) float64 {
	if v := m.samples[i].Value; v.Kind() == metrics.KindFloat64 {
		return v.Float64()
	}
	return 0
}

// processCPU is the processor time of all threads. The call cannot fail for the calling process.
func processCPU() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
