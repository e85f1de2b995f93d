package demo

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// What the run promises.
const (
	heapGoal     = 600 << 20       // bytes the heap must pass
	growth       = 8               // times the first grant that must be granted
	residentGoal = 160 << 20       // bytes the host may still hold after the flush
	returnWithin = 5 * time.Second // from the flush to there
)

// Judge returns the promises that a run did not keep, each in a sentence; none where all was kept.
func Judge(r Result) (broken []string) {
	want := func(kept bool, format string, args ...any) {
		if !kept {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	size := func(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

	want(r.RecordsTotal > 0 && r.RecordsLoaded == r.RecordsTotal, "%d of %d records were loaded", r.RecordsLoaded, r.RecordsTotal)
	want(r.RecordsEqual == r.RecordsTotal, "%d of %d records came back equal: %s", r.RecordsEqual, r.RecordsTotal, r.FirstDifference)
	want(r.HeapPeakBytes > heapGoal, "the heap reached %s, not %s", size(r.HeapPeakBytes), size(heapGoal))
	want(r.GrantMinBytes > 0 && r.GrantMaxBytes >= growth*r.GrantMinBytes, "the grant grew from %s to %s, less than %d-fold",
		size(r.GrantMinBytes), size(r.GrantMaxBytes), growth)
	want(r.Kills == 0, "%d processes were killed for want of memory", r.Kills)
	want(r.AfterFlushInTime && time.Duration(float64(r.AfterFlush)*float64(time.Second)) <= returnWithin,
		"the host still held more than %s of guest memory %v after the flush (%.1f s were waited)",
		size(residentGoal), returnWithin, r.AfterFlush)
	want(r.ResidentAfter > 0 && r.ResidentAfter < residentGoal, "the host held %s of guest memory in the end, not less than %s",
		size(r.ResidentAfter), size(residentGoal))
	want(r.VCPUsStart == 1, "the guest began with %d vCPUs, not with one", r.VCPUsStart)
	want(r.VCPUsMax == 2, "under load %d vCPUs were granted, not two", r.VCPUsMax)
	want(r.VCPUsEnd == 1, "when idle %d vCPUs were granted, not one", r.VCPUsEnd)
	return broken
}
