package node

import (
	"time"

	"github.com/silo-os/silo/host/cpushare"
)

// measured is a reading, and what of it the guest should hear.
type measured struct {
	cpushare.Reading
	ok   bool   // there is one
	tell uint32 // thousandths of steal
	due  bool   // it is time to tell
}

// measure takes a reading. What was granted only for a part of the time since the last one does not count as granted.
func (p *processors) measure(now time.Duration, granted uint32) (m measured, err error) {
	times, err := p.share.Read()
	if err != nil {
		return m, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.meter.Add(now, times, min(granted, p.granted))
	p.granted = granted
	if !ok {
		return m, nil
	}
	p.reading = r
	tell, due := p.words.due(now, r.Steal)
	return measured{r, true, tell, due}, nil
}

// worthTelling is the least change of a measurement that is news, in thousandths.
const worthTelling = 50

func differ(a, b uint32) bool {
	d := int64(a) - int64(b)
	return d >= worthTelling || d <= -worthTelling
}

// stealWords decides when a guest is told of steal. The zero value has told it that there is none: so a guest takes it that says Hello.
type stealWords struct {
	told uint32
	at   time.Duration
}

const (
	stealLeast = 100                    // thousandths: every host takes less than that for itself now and then
	stealPace  = 500 * time.Millisecond // between two words
)

// due takes in a reading and reports whether the guest is to be told, and what.
func (w *stealWords) due(now time.Duration, steal uint32) (tell uint32, due bool) {
	if steal < stealLeast {
		steal = 0
	}
	over := steal == 0 && w.told != 0
	if !over && !differ(steal, w.told) || w.at != 0 && now-w.at < stealPace {
		return w.told, false
	}
	return steal, true
}

// said takes in that the guest was told.
func (w *stealWords) said(now time.Duration, steal uint32) { w.told, w.at = steal, now }

// said takes in that the guest was told of steal, thousandths.
func (p *processors) said(now time.Duration, steal uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.words.said(now, steal)
}

// unsaid takes in that the guest knows nothing of what was said to it before.
func (p *processors) unsaid() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.words = stealWords{}
}
