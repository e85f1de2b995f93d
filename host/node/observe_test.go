package node

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

func TestObserver(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		var all []Observation
		observed := func() []Observation {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
		observer := func(o Observation) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, o)
		}
		g, vm, guest := r.boot(GuestSpec{Observer: observer, Sample: time.Second})
		vm.SetResident(40 * mib)
		r.demand(guest, 512*mib, 2000)
		granted(t, guest, 512*mib)
		synctest.Wait() // the fake tells what it uses after each grant
		if err := guest.Conn().SendReady(); err != nil {
			t.Error(err)
		}
		if err := guest.Conn().SendUsage(hvcall.Usage{Applied: 2, Stalls: 3, StallNanos: 5, Kills: 1, Live: 300 * mib}); err != nil {
			t.Error(err)
		}
		seen := observed()
		if !slices.ContainsFunc(seen, func(o Observation) bool { return o.Demanded == 512*mib && o.Granted == 64*mib }) {
			t.Errorf("the demand was not observed before its grant: %+v", seen)
		}
		last := seen[len(seen)-1]
		want := Observation{Time: last.Time, Ready: true, Demanded: 512 * mib, Granted: 512 * mib, Plugged: 512 * mib, Resident: 40 * mib,
			DemandedMilli: 2000, GrantedMilli: 2000, Revision: 1, Serial: last.Serial, Reason: hvcall.ReasonForecast,
			Usage: hvcall.Usage{Applied: 2, Stalls: 3, StallNanos: 5, Kills: 1, Live: 300 * mib}}
		if last != want {
			t.Errorf("got  %+v\nwant %+v", last, want)
		}
		n := len(seen)
		time.Sleep(10*time.Second + time.Millisecond)
		if got := len(observed()) - n; got != 10 {
			t.Errorf("%d samples in 10 s", got)
		}
		g.Kill()
		g.Wait()
		seen = observed()
		if last = seen[len(seen)-1]; !last.Ended || last.Resident != 0 {
			t.Errorf("last %+v", last)
		}
		times := g.Times()
		if times.Started.IsZero() || times.Hello.IsZero() || times.Ready.IsZero() || !times.Exit.IsZero() {
			t.Errorf("%+v", times)
		}
	})
}
