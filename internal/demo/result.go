package demo

import (
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/internal/timeline"
)

// Result is everything the run found. The field names are those of result.json.
type Result struct {
	RecordsTotal    int    `json:"records_total"` // stanzas in the machine's package index
	RecordsLoaded   int    `json:"records_loaded"`
	RecordsEqual    int    `json:"records_equal"`
	FirstDifference string `json:"first_difference,omitempty"`

	HeapPeakBytes    int64 `json:"heap_peak_bytes"` // live, as the guest says
	GrantMinBytes    int64 `json:"grant_min_bytes"`
	GrantMaxBytes    int64 `json:"grant_max_bytes"`
	ResidentPeak     int64 `json:"resident_peak_bytes"`        // read from the QEMU process
	ResidentAfter    int64 `json:"resident_after_flush_bytes"` // at the end of the run
	AfterFlush       Secs  `json:"resident_after_flush_seconds"`
	AfterFlushInTime bool  `json:"resident_after_flush_reached"`

	Stalls       uint64 `json:"stalls"`
	StallSeconds Secs   `json:"stall_seconds"`
	Kills        uint64 `json:"kills"`

	VCPUsStart int `json:"vcpus_start"`
	VCPUsMax   int `json:"vcpus_max"` // while there was load
	VCPUsEnd   int `json:"vcpus_end"`

	Accelerator string      `json:"accelerator"`
	Phases      []PhaseTime `json:"phases"`
	OK          bool        `json:"ok"`
	Broken      []string    `json:"broken,omitempty"` // the promises that were not kept
}

// Secs is a time in seconds.
type Secs float64

// PhaseTime is how long a phase took.
type PhaseTime struct {
	Name    string `json:"name"`
	Seconds Secs   `json:"seconds"`
}

// summarize fills in what the observations of a run say.
func (r *Result) summarize(seen []node.Observation) {
	for _, o := range seen {
		if o.Ended || o.Granted == 0 { // nothing is granted before the guest is known and after it ended
			continue
		}
		if r.GrantMinBytes == 0 {
			r.GrantMinBytes, r.VCPUsStart = o.Granted, vcpus(o)
		}
		r.GrantMinBytes = min(r.GrantMinBytes, o.Granted)
		r.GrantMaxBytes = max(r.GrantMaxBytes, o.Granted)
		r.ResidentPeak = max(r.ResidentPeak, o.Resident)
		r.HeapPeakBytes = max(r.HeapPeakBytes, int64(o.Usage.Live))
		r.VCPUsMax = max(r.VCPUsMax, vcpus(o))
		r.VCPUsEnd = vcpus(o)
		r.ResidentAfter = o.Resident
		r.Stalls = max(r.Stalls, o.Usage.Stalls)
		r.StallSeconds = max(r.StallSeconds, Secs(time.Duration(o.Usage.StallNanos).Seconds()))
		r.Kills = max(r.Kills, o.Usage.Kills)
	}
}

// phaseTimes says how long each phase took; the last ended at end.
func phaseTimes(phases []timeline.Phase, end time.Duration) (times []PhaseTime) {
	for i, p := range phases {
		to := end
		if i+1 < len(phases) {
			to = phases[i+1].At
		}
		times = append(times, PhaseTime{p.Name, Secs((to - p.At).Seconds())})
	}
	return times
}
