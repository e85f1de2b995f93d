package load

import (
	"encoding/json"
	"io"
	"runtime/metrics"
	"sync"
	"time"
)

// Kind says what a line tells.
type Kind string

// The kinds of line, in the order in which a scenario tells them. All but Usage and Progress come once, or
// once for each period of the sawtooth.
const (
	Start    Kind = "start"    // the program runs and is idle
	Busy     Kind = "busy"     // it begins to allocate
	Progress Kind = "progress" // once a second while it is busy
	Usage    Kind = "usage"    // of the guest, ten times a second, where there is an agent
	Full     Kind = "full"     // all is allocated
	Dropped  Kind = "dropped"  // Bytes were let go of; it is silent from here on
	Done     Kind = "done"     // the scenario is over
)

// Event is one line of the program's output.
type Event struct {
	Kind    Kind    `json:"kind"`
	At      float64 `json:"at"`                // seconds since the program started, by the guest's clock
	Bytes   int64   `json:"bytes"`             // live data now; of Dropped: what was let go of
	Ops     int64   `json:"ops,omitempty"`     // allocations and lookups until now
	Busy    float64 `json:"busy,omitempty"`    // seconds in which they were made
	Cost    Cost    `json:"cost,omitzero"`     // of these seconds
	Rate    float64 `json:"rate,omitempty"`    // of Full: MiB/s of growth reached
	Cycles  uint64  `json:"cycles,omitempty"`  // garbage collections until now
	GCCPU   float64 `json:"gc_cpu,omitempty"`  // vCPU seconds they took until now
	GapMS   float64 `json:"gap_ms,omitempty"`  // longest pause of a goroutine that does not allocate, until now
	Used    int64   `json:"used,omitempty"`    // of Usage: bytes of the guest that are not available
	Total   int64   `json:"total,omitempty"`   // of Usage: bytes the guest's kernel manages
	Refused string  `json:"refused,omitempty"` // of Done: why the allocation was not made
}

// teller writes events, whole lines at a time.
type teller struct {
	start time.Time

	mu  sync.Mutex
	out *json.Encoder
}

func newTeller(out io.Writer) *teller { return &teller{start: time.Now(), out: json.NewEncoder(out)} }

// tell writes one event; nobody is left to hear of an error.
func (t *teller) tell(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.At = time.Since(t.start).Seconds()
	_ = t.out.Encode(e)
}

// collections reads how often and how long the runtime has collected.
func collections() (cycles uint64, cpu float64) {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s)
	return s[0].Value.Uint64(), s[1].Value.Float64()
}
