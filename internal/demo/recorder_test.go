package demo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/internal/timeline"
)

// TestRecorderPrints: a line for each change, changes close together in one, nothing for no change.
func TestRecorderPrints(t *testing.T) {
	var out strings.Builder
	r := newRecorder(&out, time.Unix(1000, 0))
	for _, o := range []node.Observation{
		at(0.5, 64*mib, 40*mib, 1000), at(0.6, 65*mib, 40*mib, 1000), at(0.9, 70*mib, 40*mib, 1000),
		at(1.1, 80*mib, 41*mib, 1200), at(2, 80*mib, 72*mib, 1200), at(3, 80*mib, -1, 1200), at(4, 80*mib, 73*mib, 1200),
	} {
		r.observe(o)
	}
	want := "    0.5s  demanded    64  granted    64  resident    40 MiB   vCPUs 1   stalls 0\n" +
		"    1.1s  demanded    80  granted    80  resident    41 MiB   vCPUs 2   stalls 0\n" +
		"    4.0s  demanded    80  granted    80  resident    73 MiB   vCPUs 2   stalls 0\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", &out, want)
	}
}

func TestRecorderUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(&strings.Builder{}, time.Now())
		old := at(0, 500*mib, 0, 1000)
		old.Granted = 700 * mib
		r.observe(old)
		r.observe(at(1, 64*mib, 0, 1000)) // the newest: it counts too
		large := func(o node.Observation) bool { return o.Granted > 400*mib }
		if o, err := r.until(t.Context(), func(o node.Observation) bool { return !large(o) }); err != nil || o.Granted != 64*mib {
			t.Errorf("how it stands now: %+v, %v", o, err)
		}
		go func() {
			for second := range 10 {
				time.Sleep(time.Second)
				r.observe(at(float64(2+second), int64(second)*100*mib, 0, 1000))
			}
		}()
		o, err := r.until(t.Context(), large)
		if err != nil || o.Granted != 500*mib {
			t.Errorf("what comes: %+v, %v", o, err)
		}
		why := errors.New("the guest is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if _, err := r.until(ctx, func(node.Observation) bool { return false }); !errors.Is(err, why) {
			t.Errorf("what never comes: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestRecorderLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r := newRecorder(&out, time.Now())
		time.Sleep(1500 * time.Millisecond)
		r.begin("load")
		o := node.Observation{Time: time.Now(), Demanded: 3, Granted: 2, Resident: 1, GrantedMilli: 1001}
		o.Usage.Stalls = 7
		r.observe(node.Observation{Time: time.Now(), Resident: 1}) // not welcomed yet
		r.observe(o)
		want := timeline.Timeline{Title: "x", Phases: []timeline.Phase{{At: 1500 * time.Millisecond, Name: "load"}},
			Samples: []timeline.Sample{{At: 1500 * time.Millisecond, Demanded: 3, Granted: 2, Resident: 1, VCPUs: 2, Stalls: 7}}}
		if diff := cmp.Diff(want, r.line("x")); diff != "" {
			t.Error(diff)
		}
		if seen := r.stop(); len(seen) != 2 {
			t.Errorf("recorded %+v", seen)
		}
		r.observe(o)
		if r.len() != 2 {
			t.Error("what came after the end was recorded")
		}
		if !strings.HasPrefix(out.String(), "    1.5s  == load\n") {
			t.Errorf("printed %q", &out)
		}
	})
}
