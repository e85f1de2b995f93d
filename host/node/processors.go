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

// rank is what the ledger says of a guest's processors.
type rank struct {
	milli uint32 // the most it may act upon, thousandths
	last  bool   // it misbehaves, and comes after the others
}

// processors holds a guest to what it may use, and measures what it did.
type processors struct {
	share Share
	most  uint32      // thousandths, ever
	rank  *slot[rank] // newest
	seen  misconduct  // of the goroutine that measures

	mu      sync.Mutex
	now     rank // set
	dying   bool
	meter   cpushare.Meter
	granted uint32 // at the last measurement
	reading cpushare.Reading
	words   stealWords
}

func newProcessors(most uint32) *processors {
	return &processors{most: most, rank: newSlot[rank]()}
}

// hold takes on a machine's threads. From now on they may use no more than the guest's guarantee.
func (p *processors) hold(share Share, milli uint32) error {
	p.share = share
	return p.set(rank{milli: milli})
}

// close lets go of the threads, which must have ended.
func (p *processors) close() error {
	if p.share == nil {
		return nil
	}
	return p.share.Close()
}

func (p *processors) set(to rank) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = to
	return p.enforce()
}

// enforce has the host's scheduler do what is set. The lock is held.
func (p *processors) enforce() error {
	if p.dying {
		return p.share.Set(cpushare.Allowance{Milli: max(p.now.milli, 1000), Max: p.most})
	}
	return p.share.Set(cpushare.Allowance{Milli: p.now.milli, Max: p.most, Last: p.now.last})
}

// die gives a machine that is killed the time that it takes to end: others wait for its memory.
func (p *processors) die() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dying = true
	return p.enforce()
}

// widen sees to it that the vCPUs may use what a grant says before the guest hears of the grant. What is above that stays:
// only the guest's word takes it away.
func (p *processors) widen(milli uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if milli <= p.now.milli {
		return nil
	}
	p.now.milli = milli
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
		case <-g.cpus.rank.wake:
			if to, ok := g.cpus.rank.take(); ok {
				g.complain(g.cpus.set(to))
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

// watchConduct tells the broker of a guest that misbehaves.
func (g *Guest) watchConduct() {
	if why := g.cpus.seen.step(time.Since(g.started), g.conn.Held(), g.conn.Breaches()); why != "" {
		g.node.post(broker.Misbehaved{Guest: g.id, Why: why})
	}
}

func (g *Guest) measureProcessors() {
	g.mu.Lock()
	granted, reads := g.view.Grant.MilliCPU, g.steals && g.demanded
	g.mu.Unlock()
	g.watchConduct()
	now := time.Since(g.started)
	m, err := g.cpus.measure(now, granted)
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
	switch err := g.conn.SendSteal(hvcall.Steal{Taken: m.tell, Span: m.Span}); {
	case err == nil:
		g.cpus.said(now, m.tell)
	case !errors.Is(err, hvcall.ErrClosed):
		g.node.cfg.Log.Debug("steal not sent", "guest", g.id, "err", err)
	}
}
