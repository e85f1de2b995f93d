package bench

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// round is what was seen of stores under full load.
type round struct {
	rate    float64 // requests a second, of all stores together
	costs   []cost
	cycles  uint64        // collections of all stores
	stalled time.Duration // that their threads waited for memory
	held    int64         // bytes plugged into them in the end
	wanted  int64         // bytes they asked for in the end
}

// take adds what a store says of itself, as of now: with sign -1 before the round, with 1 after it.
func (r *round) take(stores []*kvGuest, sign int) {
	r.held, r.wanted = 0, 0
	for _, g := range stores {
		o := g.Observe()
		r.cycles += uint64(sign) * o.Usage.Cycles
		r.stalled += time.Duration(sign) * time.Duration(o.Usage.StallNanos)
		r.held, r.wanted = r.held+o.Plugged, r.wanted+o.Demanded
	}
}

// cost is what a process used, in processors.
type cost struct {
	name       string
	processors float64
}

// String shows both in a line.
func (r round) String() string {
	words := make([]string, len(r.costs))
	for i, c := range r.costs {
		words[i] = fmt.Sprintf("%s %.2f", c.name, c.processors)
	}
	return fmt.Sprintf("%.0f requests/s; %d collections, stalled for %v, %.0f of %.0f MiB; processors: %s",
		r.rate, r.cycles, r.stalled.Round(time.Millisecond), mib(r.held), mib(r.wanted), strings.Join(words, ", "))
}

// costs notes what each guest's machine, QEMU's own threads included, and the host's part of silo, with the clients, have used of the
// processors. The function it returns says what they used since.
func costs(guests []*kvGuest) (func(took time.Duration) ([]cost, error), error) {
	names, pids := []string{"silo and clients"}, []int{os.Getpid()}
	for _, g := range guests {
		names, pids = append(names, g.Name()), append(pids, g.PID())
	}
	before, err := processorTimes(pids)
	if err != nil {
		return nil, err
	}
	return func(took time.Duration) (all []cost, err error) {
		after, err := processorTimes(pids)
		if err != nil {
			return nil, err
		}
		for i, name := range names {
			all = append(all, cost{name, (after[i] - before[i]) / took.Seconds()})
		}
		return all, nil
	}, nil
}

// processorTimes are the seconds of processor time that processes have used.
func processorTimes(pids []int) (all []float64, err error) {
	for _, pid := range pids {
		p, err := procfs.NewProc(pid)
		if err != nil {
			return nil, fmt.Errorf("read processor time: %w", err)
		}
		stat, err := p.Stat()
		if err != nil {
			return nil, fmt.Errorf("read processor time: %w", err)
		}
		all = append(all, stat.CPUTime())
	}
	return all, nil
}
