package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestTenThousandGuests takes a full host through a wave of demands in which half of the guests
// want what the other half gives up.
func TestTenThousandGuests(t *testing.T) {
	const n, mib = 10_000, 1 << 20
	w := &world{capacity: Capacity{Memory: n * 96 * mib, MilliCPU: n * 1000}}
	w.b = New(Config{Capacity: w.capacity})
	var added, batch []Event
	for i := range n {
		added = append(added, GuestAdded{GuestID(fmt.Sprint(i)), Bounds{Boot: 32 * mib, Max: 1024 * mib}})
		batch = append(batch, Connected{GuestID(fmt.Sprint(i))})
	}
	w.b.Step(0, added)
	answers := func(actions []Action) (events []Event) {
		for _, a := range actions {
			switch a := a.(type) {
			case Resize:
				events = append(events, Plugged{a.Guest, a.Op, a.Total})
			case SendGrant:
				events = append(events, Applied{a.Guest, a.Grant.Serial})
			}
		}
		return events
	}
	for wave := range uint64(4) {
		for i := range n {
			d := hvcall.Demand{Revision: wave + 1, Memory: 64 * mib, MilliCPU: 1000}
			if uint64(i)%2 == wave%2 {
				d.Memory = 128 * mib
			}
			batch = append(batch, Demanded{GuestID(fmt.Sprint(i)), d})
		}
		for len(batch) > 0 {
			w.now += time.Millisecond
			batch = answers(w.b.Step(w.now, batch))
			check(t, w.b)
		}
		for i, g := range w.b.State().Guests {
			if want := int64(64 + 64*b2i(uint64(i)%2 == wave%2)); g.Memory.Firm != want*mib || int64(g.Grant.Memory) != want*mib {
				t.Fatalf("wave %d: guest %d holds %s and not %d MiB\n", wave, i, size(g.Memory.Firm), want)
			}
		}
	}
}
