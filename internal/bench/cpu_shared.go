package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
)

// sharedCPUs is the host that guests share: two processors, whatever more it has.
const sharedCPUs = 2

// sharedHost is a node with guests of the load program on it.
type sharedHost struct {
	node   *node.Node
	guests []*siloCPU
}

// startShared starts a node that gives away so many thousandths, and guests on it.
func startShared(ctx context.Context, s cpuSubject, capacity int64, guests int, cpu node.CPU, env ...string) (*sharedHost, error) {
	n, err := node.New(node.Config{Capacity: broker.Capacity{MilliCPU: capacity}})
	if err != nil {
		return nil, err
	}
	h := &sharedHost{node: n}
	for i := range guests {
		g, err := startOn(ctx, n, s, fmt.Sprint("guest-", i), cpu, env)
		if err != nil {
			return nil, errors.Join(err, h.Close())
		}
		h.guests = append(h.guests, g)
	}
	return h, nil
}

// Close ends all guests and the node.
func (h *sharedHost) Close() error {
	for _, g := range h.guests {
		if g.calls != nil {
			g.calls.Close()
		}
	}
	return h.node.Close()
}

// all gives each guest its order at the same time and returns what they answered, and what the host counted meanwhile.
func (h *sharedHost) all(ctx context.Context, kind string, order func(i int) string) ([]cpuEvent, vcpuCounts, error) {
	before, err := h.counts()
	if err != nil {
		return nil, vcpuCounts{}, err
	}
	for i, g := range h.guests {
		if err := g.Order(order(i)); err != nil {
			return nil, vcpuCounts{}, err
		}
	}
	events, errs := make([]cpuEvent, len(h.guests)), make([]error, len(h.guests))
	var g sync.WaitGroup
	for i, guest := range h.guests {
		g.Go(func() { events[i], errs[i] = guest.Event(ctx, kind) })
	}
	g.Wait()
	after, err := h.counts()
	return events, after.since(before), errors.Join(append(errs, err)...)
}

// vcpuCounts are the kernel's sums over the vCPU threads of all guests.
type vcpuCounts struct {
	ran, waited time.Duration
	preempted   uint64 // times a thread had to make room for another
}

func (c vcpuCounts) since(b vcpuCounts) vcpuCounts {
	return vcpuCounts{c.ran - b.ran, c.waited - b.waited, c.preempted - b.preempted}
}

// String is a part of a line of progress.
func (c vcpuCounts) String() string {
	return fmt.Sprintf("vCPUs ran %.1f s, waited %.1f s for a processor, preempted %d times", c.ran.Seconds(), c.waited.Seconds(), c.preempted)
}

// counts reads them, by the names that QEMU gives to the threads.
func (h *sharedHost) counts() (c vcpuCounts, err error) {
	for _, g := range h.guests {
		threads, err := procfs.AllThreads(g.PID())
		if err != nil {
			return c, err
		}
		for _, th := range threads {
			if comm, err := th.Comm(); err != nil || !strings.HasPrefix(comm, "CPU ") {
				continue // a helper thread may end meanwhile
			}
			s, err := th.Schedstat()
			if err != nil {
				return c, err
			}
			st, err := th.NewStatus()
			if err != nil {
				return c, err
			}
			c.ran += time.Duration(s.RunningNanoseconds)
			c.waited += time.Duration(s.WaitingNanoseconds)
			c.preempted += st.NonVoluntaryCtxtSwitches
		}
	}
	return c, nil
}
