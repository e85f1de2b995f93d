package node

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/cpushare"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

// fakeShare is a share whose times the test sets.
type fakeShare struct {
	mu     sync.Mutex
	set    []cpushare.Allowance
	asked  func(was uint32) // called with each Set
	times  cpushare.Times
	err    error
	closed bool
}

func (s *fakeShare) Set(a cpushare.Allowance) error {
	s.mu.Lock()
	var was uint32
	if n := len(s.set); n > 0 {
		was = s.set[n-1].Milli
	}
	s.set = append(s.set, a)
	asked, err := s.asked, s.err
	s.mu.Unlock()
	if asked != nil {
		asked(was)
	}
	return err
}

func (s *fakeShare) Read() (cpushare.Times, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times, s.err
}

func (s *fakeShare) Advisory() bool { return false }

func (s *fakeShare) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.err
}

// now is the newest allowance.
func (s *fakeShare) now() cpushare.Allowance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set[len(s.set)-1]
}

// TestTimeBeforeTheGrant: more time is there when the guest hears of it, and less is taken only when the guest has told that
// it uses less.
func TestTimeBeforeTheGrant(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, vm, guest := r.boot(GuestSpec{CPU: CPU{MinMilli: 250, MaxMilli: 2000}})
		share := r.lastShare()
		if got := share.now(); got != (cpushare.Allowance{Milli: 250, Max: 2000}) {
			t.Errorf("boots with %+v", got)
		}
		var early bool // the guest heard of more before it was there
		share.mu.Lock()
		share.asked = func(was uint32) {
			if g, ok := guest.Grants.Last(); ok && g.MilliCPU > was {
				early = true
			}
		}
		share.mu.Unlock()
		r.demand(guest, 64*mib, 2000)
		synctest.Wait()
		if got := share.now(); got.Milli != 2000 || early || guest.Holding().MilliCPU != 2000 {
			t.Errorf("set to %+v, the guest heard before: %v, it holds %+v", got, early, guest.Holding())
		}
		guest.SetManner(hvcalltest.Manner{Delay: time.Second})
		r.demand(guest, 64*mib, 500)
		time.Sleep(time.Second / 2)
		if got := share.now(); got.Milli != 2000 {
			t.Errorf("set to %+v before the guest told that it uses less", got)
		}
		time.Sleep(time.Second)
		if got := share.now(); got.Milli != 500 {
			t.Errorf("set to %+v after it", got)
		}
		powerOff(vm)
		if _, err := g.Wait(); err != nil {
			t.Error(err)
		}
		if !share.closed {
			t.Error("the share is not closed")
		}
	})
}

// TestStealIsTold: to the guest, when it changes, and to the broker.
func TestStealIsTold(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, _, guest := r.boot(GuestSpec{CPU: CPU{MinMilli: 1000, MaxMilli: 1000}})
		share := r.lastShare()
		r.demand(guest, 64*mib, 1000)
		live := func(d time.Duration, steal time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				share.mu.Lock()
				share.times.Ran += 5*time.Millisecond - steal
				share.times.Waited += steal
				share.mu.Unlock()
			}
		}
		live(3*time.Second, 0)
		if n := guest.Steals.Len(); n != 0 {
			t.Errorf("told %d times of none: %+v", n, guest.Steals.All())
		}
		live(3*time.Second, 2*time.Millisecond)
		if s, ok := guest.Steals.Last(); !ok || s.Taken < 350 || s.Taken > 450 || guest.Steals.Len() > 3 {
			t.Errorf("told %+v", guest.Steals.All())
		}
		if o := g.Observe(); o.Steal < 350 || o.UsedMilli < 500 || o.UsedMilli > 700 {
			t.Errorf("observed %+v", o)
		}
		if l := r.State().Guests[0].CPU.Load; l.Steal < 350 || l.Used < 500 {
			t.Errorf("the broker knows %+v", l)
		}
		live(3*time.Second, 0)
		if s, _ := guest.Steals.Last(); s.Taken != 0 {
			t.Errorf("not told that it is over: %+v", guest.Steals.All())
		}
	})
}

// TestShareThatFails: a guest that cannot be limited from the start is not started; one that cannot be later goes on.
func TestShareThatFails(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		_, _, guest := r.boot(GuestSpec{Name: "a"})
		share := r.lastShare()
		share.mu.Lock()
		share.err = errors.New("boom")
		share.mu.Unlock()
		r.demand(guest, 64*mib, 2000)
		if _, err := guest.Grants.Wait(t.Context(), func(g hvcall.Grant) bool { return g.MilliCPU == 2000 }); err != nil {
			t.Error(err)
		}
		r.shareErr = errors.New("boom")
		if _, err := r.Start(t.Context(), GuestSpec{Name: "b"}); !errors.Is(err, r.shareErr) {
			t.Errorf("started: %v", err)
		}
		if vm, _ := r.last(); vm.Err() == nil || !r.lastShare().closed {
			t.Error("its machine runs, or its share is left")
		}
	})
}

// TestIdleIsSeenAgain: a demand says that there is work; when none comes the guest counts as idle again, though nothing that is
// measured has changed.
func TestIdleIsSeenAgain(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		_, _, guest := r.boot(GuestSpec{CPU: CPU{MinMilli: 50, MaxMilli: 2000}})
		for range 3 {
			for _, milli := range []uint32{1000, 2000} {
				r.demand(guest, 64*mib, milli)
				time.Sleep(2 * demandPace)
			}
			if l := r.State().Guests[0].CPU.Load; l.Idle {
				t.Errorf("idle with work: %+v", l)
			}
			time.Sleep(time.Second)
			if l := r.State().Guests[0].CPU.Load; !l.Idle {
				t.Errorf("a second later: %+v", l)
			}
		}
	})
}
