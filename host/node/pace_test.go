package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestPacer: the first demand goes on at once, of a flood the newest in each turn, and none that is older after it.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type passed struct {
			at       time.Duration
			revision uint64
		}
		start := time.Now()
		var got []passed
		p := &pacer{pass: func(d hvcall.Demand) { got = append(got, passed{time.Since(start), d.Revision}) }}
		say := func(revisions ...uint64) {
			for _, r := range revisions {
				p.put(hvcall.Demand{Revision: r})
			}
		}
		say(1, 2, 4, 3)
		time.Sleep(time.Millisecond)
		say(5)
		time.Sleep(5 * time.Millisecond)
		say(6, 7)
		time.Sleep(time.Second)
		say(8)
		synctest.Wait()
		want := []passed{{0, 1}, {demandPace, 5}, {2 * demandPace, 7}, {time.Second + 6*time.Millisecond, 8}}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestFloodOfDemands: a guest that changes its mind all the time has its device asked a few hundred times a second, and ends with
// what it said last.
func TestFloodOfDemands(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.latency = 0
		_, _, guest := r.boot(GuestSpec{})
		start := time.Now()
		for i := range uint64(2000) {
			r.demand(guest, (128+i%2*128)*mib, 1000)
			time.Sleep(time.Millisecond) // not so fast that the frames wait
		}
		most := uint64(time.Since(start)/demandPace) + 1
		if s := r.State(); s.LastOp > most {
			t.Errorf("asked %d times in %v", s.LastOp, time.Since(start))
		}
		r.demand(guest, 512*mib, 1000)
		granted(t, guest, 512*mib)
	})
}
