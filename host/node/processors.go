package node

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/cpushare"
	"github.com/silo-os/silo/hvcall"
)

// Share is a machine's share of the host's processors; *cpushare.Share is the real one.
type Share interface {
	Set(cpushare.Allowance) error
	Read() (cpushare.Times, error)
	Advisory() bool
	Close() error
}

// measureEvery is how often it is measured what a guest's vCPUs got.
const measureEvery = 250 * time.Millisecond

// processors holds a guest to what it may use, and measures what it did.
type processors struct {
	share Share
	most  uint32        // thousandths, ever
	upper *slot[uint32] // the most the guest may act upon, newest

	mu      sync.Mutex
	now     uint32 // set
	flood   flood
	exact   bool // it gets no time beyond that
	meter   cpushare.Meter
	granted uint32 // at the last measurement
	reading cpushare.Reading
	words   stealWords
}

func newProcessors(most uint32) *processors {
	return &processors{most: most, upper: newSlot[uint32]()}
}

// hold takes on a machine's threads. From now on they may use no more than the guest's guarantee.
func (p *processors) hold(share Share, milli uint32) error {
	p.share = share
	return p.set(milli)
}

// close lets go of the threads, which must have ended.
func (p *processors) close() error {
	if p.share == nil {
		return nil
	}
	return p.share.Close()
}

func (p *processors) set(milli uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = milli
	return p.enforce()
}

// enforce has the host's scheduler do what is set. The lock is held.
func (p *processors) enforce() error {
	return p.share.Set(cpushare.Allowance{Milli: p.now, Max: p.most, Exact: p.exact})
}

// watch takes in how long the guest's frames were left unread in all, and holds one that floods to what it is
// granted. It says whether that has changed, and to what.
func (p *processors) watch(now, held time.Duration) (exact, changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	exact = p.flood.step(now, held)
	changed, p.exact = exact != p.exact, exact
	if changed {
		err = p.enforce()
	}
	return exact, changed, err
}

// widen sees to it that the vCPUs may use what a grant says before the guest hears of the grant. What is above that stays:
// only the guest's word takes it away.
func (p *processors) widen(milli uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if milli <= p.now {
		return nil
	}
	p.now = milli
	return p.enforce()
}

// last is the newest measurement.
func (p *processors) last() cpushare.Reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reading
}

// runProcessors follows the ledger and measures, until ctx ends.
func (g *Guest) runProcessors(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.cpus.upper.wake:
			if milli, ok := g.cpus.upper.take(); ok {
				g.complain(g.cpus.set(milli))
			}
		case <-tick.C:
			g.measureProcessors()
		}
	}
}

// complain says what went wrong with the share, unless it is that the machine has just ended: its threads go before
// its end is known.
func (g *Guest) complain(err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return
	}
	select {
	case <-g.vm.Done():
	default:
		g.node.cfg.Log.Warn("vCPU share", "guest", g.id, "err", err)
	}
}

// watchFlood holds the guest to exactly what it is granted while it floods its host.
func (g *Guest) watchFlood() {
	exact, changed, err := g.cpus.watch(time.Since(g.started), g.conn.Held())
	g.complain(err)
	switch {
	case changed && exact:
		g.node.cfg.Log.Warn("guest sends more than is read: until it stops it gets no processor time that it is not granted", "guest", g.id)
	case changed:
		g.node.cfg.Log.Info("guest no longer sends more than is read", "guest", g.id)
	}
}

func (g *Guest) measureProcessors() {
	g.mu.Lock()
	granted, reads := g.view.Grant.MilliCPU, g.steals && g.demanded
	g.mu.Unlock()
	g.watchFlood()
	m, err := g.cpus.measure(time.Since(g.started), granted)
	if err != nil {
		g.complain(err)
		return
	}
	if m.ok { // also when it is as before: the broker counts
		g.node.post(broker.Ran{Guest: g.id, Used: int64(m.Used), Steal: int64(m.Steal), Wanted: int64(m.Wanted)})
	}
	if !m.due || !reads {
		return
	}
	if err := g.conn.SendSteal(hvcall.Steal{Taken: m.tell, Span: m.Span}); err != nil && !errors.Is(err, hvcall.ErrClosed) {
		g.node.cfg.Log.Debug("steal not sent", "guest", g.id, "err", err)
	}
}
