package node

import (
	"time"

	"github.com/silo-os/silo/host/cpushare"
)

// worthTelling is the least change of a measurement that is news, in thousandths.
const worthTelling = 50

func differ(a, b uint32) bool {
	d := int64(a) - int64(b)
	return d >= worthTelling || d <= -worthTelling
}

// brokerNews decides which readings the broker gets. It counts how often something is seen, so each is told twice, and then no
// more until it changes. The zero value has told nothing.
type brokerNews struct {
	told  cpushare.Reading
	times int
}

const enoughTimes = 2

func (n *brokerNews) due(r cpushare.Reading) bool {
	if n.times == 0 || differ(r.Used, n.told.Used) || differ(r.Steal, n.told.Steal) {
		n.told, n.times = r, 0
	}
	n.times++
	if n.times > enoughTimes {
		n.times = enoughTimes + 1
		return false
	}
	return true
}

// stealWords decides when a guest is told of steal. The zero value has told it that there is none.
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
	w.told, w.at = steal, now
	return steal, true
}
