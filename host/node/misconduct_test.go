package node

import (
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

func TestMisconduct(t *testing.T) {
	const tick = measureEvery
	const flood, breaks = "it sends more than is read", "it sends what breaks the rules of the calls"
	var m misconduct
	now, held, breaches := time.Duration(0), time.Duration(0), uint64(0)
	for _, c := range []struct {
		name     string
		ticks    int
		held     time.Duration // in each
		breaches uint64        // in each
		want     string        // at the end of them
	}{
		{"calm", 10, 0, 0, ""},
		{"a burst that is over at once", 4, tick / 3, 0, ""},
		{"a flood", 1, tick, 0, flood},
		{"it goes on", 100, tick * 9 / 10, 0, flood},
		{"it ends", 1, 0, 0, ""},
		{"one that is newer asks", 1, 0, 10, ""},
		{"and again after a while", 20, 0, 0, ""},
		{"as before", 1, 0, 10, ""},
		{"garbage", 8, 0, 5, breaks},
		{"it goes on for long", 1000, 0, 5, breaks},
		{"and ends", 1, 0, 0, ""},
	} {
		var got string
		for range c.ticks {
			now, held, breaches = now+tick, held+c.held, breaches+c.breaches
			got = m.step(now, held, breaches)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestMisbehaves: a guest that sends what breaks the rules comes last until it has been calm, and one that is killed is not
// kept from its end.
func TestMisbehaves(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		g, _, guest := r.boot(GuestSpec{CPU: CPU{MinMilli: 50, MaxMilli: 2000}})
		share := r.lastShare()
		r.demand(guest, 64*mib, 2000)
		for range 2 * breachesAtOnce {
			if err := guest.Conn().Send(hvcall.OpDemand, []byte("no demand")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if got := share.now(); !got.Last || got.Milli != 2000 || !r.State().Guests[0].Conduct.Bad {
			t.Errorf("set to %+v", got)
		}
		time.Sleep(time.Minute)
		if got := share.now(); got.Last || r.State().Guests[0].Conduct.Bad {
			t.Errorf("a minute later it is set to %+v", got)
		}
		g.node.post(broker.Misbehaved{Guest: g.id, Why: "test"})
		time.Sleep(time.Second)
		if got := share.now(); !got.Last {
			t.Errorf("set to %+v", got)
		}
		g.Kill()
		<-g.Done()
		if got := share.now(); got.Last || got.Milli < 1000 {
			t.Errorf("killed with %+v", got)
		}
	})
}
