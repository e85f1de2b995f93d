package alloc

import "time"

// Sample is what the Go runtime and the kernel said of this process at one moment. Sizes in bytes; in JSON,
// times in nanoseconds.
type Sample struct {
	Cycles   uint64        `json:"cycles"`   // collections completed
	Live     int64         `json:"live"`     // heap found live by the last collection
	Stacks   int64         `json:"stacks"`   // stacks scanned by the last collection
	Globals  int64         `json:"globals"`  // globals scanned by the last collection
	GOGC     int64         `json:"gogc"`     // GOGC in percent; negative = off
	Objects  int64         `json:"objects"`  // heap occupied by objects, dead ones not yet swept included
	Unused   int64         `json:"unused"`   // in spans in use but occupied by no object: fragmentation
	Free     int64         `json:"free"`     // free spans, not given back
	Total    int64         `json:"total"`    // all memory mapped by the runtime
	Released int64         `json:"released"` // of Total, given back to the kernel
	Allocs   int64         `json:"allocs"`   // bytes allocated since the start
	CPU      time.Duration `json:"cpu"`      // processor time used by the process since the start
	GCCPU    time.Duration `json:"gc_cpu"`   // of that, by the collector, as of the last collection
}

// Held is what the runtime holds of the kernel: what a memory limit counts.
func (s Sample) Held() int64 { return s.Total - s.Released }

// marks is what a collection has to look through.
func (s Sample) marks() int64 { return s.Live + s.Stacks + s.Globals }

// rest is everything held that is not heap: stacks, the runtime's own tables, profiles.
func (s Sample) rest() int64 { return max(0, s.Held()-s.Objects-s.Unused-s.Free) }
