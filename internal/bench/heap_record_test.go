package bench

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestRecordingSums(t *testing.T) {
	const gib = 1 << 30
	r := recording{{0, 0}, {time.Second, gib}, {3 * time.Second, gib}, {4 * time.Second, 0}}
	if got := r.gibSeconds(); math.Abs(got-3) > 1e-9 {
		t.Errorf("%v GiB·s", got)
	}
	if got := r.between(time.Second, 3*time.Second).gibSeconds(); math.Abs(got-2) > 1e-9 {
		t.Errorf("%v GiB·s in the middle", got)
	}
	if r.peak() != gib || (recording{}).peak() != 0 || (recording{}).gibSeconds() != 0 {
		t.Error("peak, or an empty recording")
	}
}

func TestRecordingReturned(t *testing.T) {
	s := time.Second
	r := recording{{0, 50}, {1 * s, 1000}, {2 * s, 990}, {3 * s, 500}, {4 * s, 100}, {5 * s, 40}}
	for _, c := range []struct {
		drop    time.Duration
		dropped int64
		after   time.Duration
		ok      bool
	}{
		{1 * s, 1000, 3 * s, true},                                    // to 100 or less
		{1500 * time.Millisecond, 500, 1500 * time.Millisecond, true}, // to 550
		{1 * s, 1100, 4 * s, false},                                   // never: the window
		{6 * s, 10, 0, false},                                         // nothing was recorded after it
	} {
		if after, ok := r.returned(c.drop, c.dropped); after != c.after || ok != c.ok {
			t.Errorf("drop of %d at %v: %v, %v; want %v, %v", c.dropped, c.drop, after, ok, c.after, c.ok)
		}
	}
}

// TestRecordingHasNoMemory: the integral of a whole is that of its parts.
func TestRecordingHasNoMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r recording
		at := time.Duration(0)
		for range rapid.IntRange(2, 40).Draw(t, "samples") {
			at += time.Duration(rapid.IntRange(1, 200).Draw(t, "ms")) * time.Millisecond
			r = append(r, heapSample{at, rapid.Int64Range(0, 4<<30).Draw(t, "bytes")})
		}
		cut := r[rapid.IntRange(0, len(r)-1).Draw(t, "cut")].at
		whole, parts := r.gibSeconds(), r.between(0, cut).gibSeconds()+r.between(cut, at).gibSeconds()
		if math.Abs(whole-parts) > 1e-9*max(1, whole) {
			t.Fatalf("whole %v, parts %v", whole, parts)
		}
	})
}

func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		never := make(chan struct{})
		r, err := record(ctx, time.Now(), func() (int64, error) { return 7, nil }, never)
		if n := int(time.Second / sampleEvery); err != nil || len(r) < n || len(r) > n+1 {
			t.Errorf("%d samples in a second, %v", len(r), err)
		}
		bad := errors.New("no such process")
		if _, err := record(t.Context(), time.Now(), func() (int64, error) { return 0, bad }, never); !errors.Is(err, bad) {
			t.Errorf("a guest that cannot be looked at: %v", err)
		}
		gone := make(chan struct{})
		time.AfterFunc(100*time.Millisecond, func() { close(gone) })
		if _, err := record(t.Context(), time.Now(), func() (int64, error) { return 0, bad }, gone); err != nil {
			t.Errorf("a guest that ended: %v", err)
		}
	})
}
