package node

import (
	"context"
	"errors"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
)

// looksIn is how often a guest is asked in the time after which its silence ends it: one answer may be lost to a busy moment.
const looksIn = 4

// leastAnswer is the shortest time in which a guest's silence means something: one that moves a lot of memory on a busy
// host may well need a second.
const leastAnswer = 5 * time.Second

// look is what was seen of a guest in a stretch of time.
type look struct {
	span  time.Duration
	heard bool   // it answered, or said anything else, or waits for this host to take in what it said
	still bool   // its machine stands still, or it is not known what it does
	steal uint32 // thousandths of its processors' time that others on the host took
}

// silence adds up for how long a guest could have answered and did not. It is pure.
//
//	heard    it answered, or could not have: its machine stood still. A look without an answer moves it on.
//	silent   an answer moves it back; once the time adds up to most, the guest is to be ended.
type silence struct {
	most, sum time.Duration
}

// saw takes in a look and reports whether the guest has been silent for too long.
func (s *silence) saw(l look) bool {
	if l.heard || l.still {
		s.sum = 0
		return false
	}
	s.sum += l.span * time.Duration(1000-min(l.steal, 1000)) / 1000
	return s.sum >= s.most
}

// listen ends the guest once it has been silent for too long, where its spec says how long that is. It begins when the guest
// runs: until then it has its HelloDeadline.
func (g *Guest) listen(ctx context.Context) {
	if g.spec.AnswerWithin == 0 {
		return
	}
	select {
	case <-g.spoke.c:
	case <-ctx.Done():
		return
	}
	s := silence{most: g.spec.AnswerWithin}
	every := g.spec.AnswerWithin / looksIn
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		before := g.heard.Load()
		answered, err := g.answers(ctx, every)
		if err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-g.told.c: // it is through, and has a time of its own to power off
			return
		case <-tick.C:
		}
		l := look{span: every, heard: answered || g.heard.Load() != before || g.hearing.Load() > 0}
		if !l.heard {
			l.still, l.steal = g.standsStill(ctx, every), g.cpus.last().Steal
		}
		if s.saw(l) {
			g.silent.happen()
			return
		}
	}
}

// answers asks the guest for a heartbeat and reports whether it answers in time. A conversation that is over is an error.
func (g *Guest) answers(ctx context.Context, within time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := g.conn.RoundTrip(ctx)
	var fault *hvcall.Fault
	switch {
	case err == nil, errors.As(err, &fault): // to be busy is an answer, too
		return true, nil
	case errors.Is(err, hvcall.ErrClosed):
		return false, err
	}
	return false, nil
}

// standsStill reports whether the guest cannot answer because its machine was stopped, or may have been.
func (g *Guest) standsStill(ctx context.Context, within time.Duration) bool {
	m, ok := g.vm.(interface {
		Doing(context.Context) (vmm.Doing, error)
	})
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	doing, err := m.Doing(ctx)
	return err != nil || doing != vmm.Runs
}
