package hvcalltest

import (
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Policy decides the answer to a demand, and how long the host takes for it. now is what the host
// grants at the time, bounds what it ever may. The host fills in Serial and Revision.
type Policy func(d hvcall.Demand, now hvcall.Grant, bounds Bounds) (g hvcall.Grant, delay time.Duration)

// Bounds are the limits of a guest, from its Welcome.
type Bounds struct {
	Memory hvcall.MemoryBounds
	CPU    hvcall.CPUBounds
}

// GrantAll grants what is demanded, at once, within the bounds. It is the default.
func GrantAll(d hvcall.Demand, _ hvcall.Grant, b Bounds) (hvcall.Grant, time.Duration) {
	g := hvcall.Grant{
		Memory:   min(max(d.Memory, b.Memory.Boot), b.Memory.Max),
		MilliCPU: min(max(d.MilliCPU, b.CPU.MinMilli), b.CPU.MaxMilli),
		IO:       d.IO,
	}
	if d.Memory > b.Memory.Max || d.MilliCPU > b.CPU.MaxMilli {
		g.Limit = hvcall.LimitMaximum
	}
	return g, 0
}

// Refuse grants no more than the guest has; what it gives back is taken.
func Refuse(d hvcall.Demand, now hvcall.Grant, b Bounds) (hvcall.Grant, time.Duration) {
	g, _ := GrantAll(d, now, b)
	if g.Memory > now.Memory || g.MilliCPU > now.MilliCPU {
		g.Limit = hvcall.LimitHost
	}
	g.Memory = min(g.Memory, now.Memory)
	g.MilliCPU = min(g.MilliCPU, now.MilliCPU)
	return g, 0
}

// UpTo grants as p does, but no more memory than most, in bytes.
func UpTo(most uint64, p Policy) Policy {
	return func(d hvcall.Demand, now hvcall.Grant, b Bounds) (hvcall.Grant, time.Duration) {
		g, delay := p(d, now, b)
		if g.Memory > most {
			g.Memory, g.Limit = most, hvcall.LimitHost
		}
		return g, delay
	}
}

// After answers as p does, delay later. Demands that come meanwhile are answered in their turn.
func After(delay time.Duration, p Policy) Policy {
	return func(d hvcall.Demand, now hvcall.Grant, b Bounds) (hvcall.Grant, time.Duration) {
		g, more := p(d, now, b)
		return g, delay + more
	}
}

// InTurn answers the first demand as the first policy does, the second as the second, and so on; the
// last stays. It counts, so each host needs its own.
func InTurn(steps ...Policy) Policy {
	var mu sync.Mutex
	next := 0
	return func(d hvcall.Demand, now hvcall.Grant, b Bounds) (hvcall.Grant, time.Duration) {
		mu.Lock()
		p := steps[min(next, len(steps)-1)]
		next++
		mu.Unlock()
		return p(d, now, b)
	}
}
