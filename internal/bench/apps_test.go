package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/images"
)

func TestLoadCountsAndTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := 0
		l := appLoad{each: 10, workers: []func() error{
			func() error { time.Sleep(10 * time.Millisecond); return nil },
			func() error { time.Sleep(20 * time.Millisecond); slow++; return nil },
		}}
		var all worked
		for range 2 {
			did, err := l.run(t.Context(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			all.add(did)
		}
		m, err := all.measure(l.each)
		if err != nil || slow != 100 || len(all.took) != 300 || m.rate != 1500 || m.p99 != 20*time.Millisecond {
			t.Errorf("%+v, %v, %d slow ones of %d", m, err, slow, len(all.took))
		}
		broken := errors.New("reset")
		l.workers = append(l.workers, func() error { return broken })
		if _, err := l.run(t.Context(), time.Second); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.run(ctx, time.Second); err == nil {
			t.Error("cancelled, it has a result")
		}
	})
	if _, err := (worked{span: time.Second}).measure(1); err == nil {
		t.Error("nothing has a result")
	}
}

// TestPaced: what one took counts from when it was due, also where the one before it was late.
func TestPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		l := appLoad{workers: []func() error{
			func() error { time.Sleep(time.Millisecond); return nil },
			func() error {
				if n++; n == 1 {
					time.Sleep(150 * time.Millisecond)
				}
				time.Sleep(time.Millisecond)
				return nil
			},
		}}
		did, err := l.paced(t.Context(), time.Second, 20) // each 100 ms for each worker
		slices.Sort(did.took)
		ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
		if err != nil || len(did.took) != 20 || did.took[0] != ms(1) || did.took[17] != ms(1) || did.took[18] != ms(52) || did.took[19] != ms(151) {
			t.Errorf("%v, %v", did.took, err)
		}
	})
}

// TestTurns: each comes as often as the other, and neither always follows the other.
func TestTurns(t *testing.T) {
	if got, want := turns([]int{1, 0}, 3), []int{1, 0, 0, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestJudgeApps(t *testing.T) {
	s := appSubject{app: apps[0]}
	s.image = &images.Image{Dir: t.TempDir()}
	var times appTimes
	times.silo.rate, times.stock.rate = []float64{100, 98, 90}, []float64{100, 100, 100}
	times.silo.p99, times.stock.p99 = []float64{2, 3, 2.2}, []float64{2, 2, 2}
	times.silo.paced, times.stock.paced = []float64{1, 3, 1}, []float64{2, 2, 2}
	results, err := s.judge(times, 3)
	if err != nil || len(results) != 3 {
		t.Fatalf("%+v, %v", results, err)
	}
	if r := results[0]; r.Bar != "apps.caddy_ratio" || r.Value != 0.98 || !r.OK || !strings.Contains(r.Note, "a short run: 7 pairs") {
		t.Errorf("%+v", r)
	}
	if r := results[1]; r.Bar != "apps.caddy_p99" || r.Value != 1.1 || r.OK {
		t.Errorf("%+v", r)
	}
	if r := results[2]; r.Bar != "apps.caddy_p99_paced" || r.Value != 0.5 || !r.OK {
		t.Errorf("%+v", r)
	}
}

func TestRounds(t *testing.T) {
	for value, want := range map[string]int{"": 500, "20": 20, "500": 500, "0": 0, "501": 0, "-1": 0, "many": 0} {
		t.Setenv(roundsEnv, value)
		got, err := rounds(500)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", value, got, err, want)
		}
	}
}
