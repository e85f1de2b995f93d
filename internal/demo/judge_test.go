package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/timeline"
)

const mib = 1 << 20

// kept is a result that keeps every promise, each only just.
func kept() Result {
	return Result{
		RecordsTotal: 63666, RecordsLoaded: 63666, RecordsEqual: 63666, HeapPeakBytes: 600*mib + 1,
		GrantMinBytes: 64 * mib, GrantMaxBytes: 512 * mib, ResidentPeak: 500 * mib, ResidentAfter: 160*mib - 1,
		AfterFlush: 5, AfterFlushInTime: true, Stalls: 3, VCPUsStart: 1, VCPUsMax: 2, VCPUsEnd: 1, Accelerator: "tcg",
	}
}

func TestJudge(t *testing.T) {
	if broken := Judge(kept()); len(broken) != 0 {
		t.Errorf("everything was kept, and yet: %q", broken)
	}
	cases := []struct {
		name   string
		change func(*Result)
		want   string // part of the only sentence
	}{
		{"no records", func(r *Result) { r.RecordsTotal, r.RecordsLoaded, r.RecordsEqual = 0, 0, 0 }, "0 of 0 records were loaded"},
		{"one not loaded", func(r *Result) { r.RecordsLoaded-- }, "63665 of 63666 records were loaded"},
		{"one not equal", func(r *Result) { r.RecordsEqual--; r.FirstDifference = "pkg:x is gone" }, "63665 of 63666 records came back equal: pkg:x is gone"},
		{"heap too small", func(r *Result) { r.HeapPeakBytes = 600 * mib }, "the heap reached 600 MiB"},
		{"grown 7.9-fold", func(r *Result) { r.GrantMaxBytes-- }, "less than 8-fold"},
		{"never granted", func(r *Result) { r.GrantMinBytes, r.GrantMaxBytes = 0, 0 }, "less than 8-fold"},
		{"a kill", func(r *Result) { r.Kills = 1 }, "1 processes were killed"},
		{"back too late", func(r *Result) { r.AfterFlush = 5.01 }, "5s after the flush (5.0 s were waited)"},
		{"never back", func(r *Result) { r.AfterFlush, r.AfterFlushInTime = 3, false }, "after the flush"},
		{"taken again", func(r *Result) { r.ResidentAfter = 160 * mib }, "the host held 160 MiB of guest memory in the end"},
		{"not measured", func(r *Result) { r.ResidentAfter = 0 }, "the host held 0 B of guest memory in the end"},
		{"two vCPUs from the start", func(r *Result) { r.VCPUsStart = 2 }, "began with 2 vCPUs"},
		{"one vCPU all the time", func(r *Result) { r.VCPUsMax = 1 }, "under load 1 vCPUs"},
		{"two vCPUs in the end", func(r *Result) { r.VCPUsEnd = 2 }, "when idle 2 vCPUs"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := kept()
			c.change(&r)
			broken := Judge(r)
			if len(broken) != 1 || !strings.Contains(broken[0], c.want) {
				t.Errorf("got %q, want %q", broken, c.want)
			}
		})
	}
	if broken := Judge(Result{}); len(broken) < 6 {
		t.Errorf("a run in which nothing happened breaks only %q", broken)
	}
}

func at(second float64, granted, resident int64, milli uint32) node.Observation {
	return node.Observation{Time: time.Unix(1000, 0).Add(time.Duration(second * 1e9)), Demanded: granted, Granted: granted,
		Resident: resident, GrantedMilli: milli}
}

func TestSummarize(t *testing.T) {
	peak := at(3, 900*mib, 800*mib, 1500)
	peak.Usage = hvcall.Usage{Live: 620 * mib, Stalls: 2, StallNanos: 1_500_000_000, Kills: 1}
	ended := at(5, 900*mib, 0, 2000)
	ended.Ended = true
	var got Result
	got.summarize([]node.Observation{at(0, 0, 0, 0), at(1, 64*mib, 40*mib, 1000), at(2, 512*mib, 300*mib, 1000), peak, at(4, 80*mib, 90*mib, 1000), ended})
	want := Result{
		HeapPeakBytes: 620 * mib, GrantMinBytes: 64 * mib, GrantMaxBytes: 900 * mib, ResidentPeak: 800 * mib, ResidentAfter: 90 * mib,
		Stalls: 2, StallSeconds: 1.5, Kills: 1, VCPUsStart: 1, VCPUsMax: 2, VCPUsEnd: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPhaseTimes(t *testing.T) {
	got := phaseTimes([]timeline.Phase{{At: time.Second, Name: "a"}, {At: 3 * time.Second, Name: "b"}}, 7*time.Second)
	if diff := cmp.Diff([]PhaseTime{{"a", 2}, {"b", 4}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestClosingTable(t *testing.T) {
	r := kept()
	r.Phases = []PhaseTime{{"boot", 1.25}}
	r.OK = true
	for _, want := range []string{"63,666 / 63,666 / 63,666", "64 MiB / 512 MiB", "1 / 2 / 1", "boot", "1.2 s", "everything as promised"} {
		if text := closingTable(r); !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	r.OK, r.Broken = false, []string{"one thing", "another"}
	if text := closingTable(r); !strings.Contains(text, "NOT as promised") || !strings.Contains(text, "another") {
		t.Errorf("a broken promise is not told:\n%s", text)
	}
}
