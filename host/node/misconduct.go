package node

import "time"

const (
	// breachesAtOnce is how many frames that break the rules a guest may send at once, and breachRate how many in a second. An
	// image that is newer than its host may ask for what there is not; who goes on is not asking.
	breachesAtOnce = 20
	breachRate     = 2
)

// misconduct sees whether a guest sends more frames than are read, or such as break the rules. What each costs is paid by its
// host, of time that others would have. How long the guest is to be calm after that is the broker's to say.
type misconduct struct {
	at, held time.Duration // of the last step
	breaches uint64
	level    float64 // breaches that time has not made good
}

// step takes in the time, how long frames were left unread in all and how many broke the rules, and says what the guest does; "" =
// it behaves. Only more than half of the time since the last step is a flood: a burst is read in its time.
func (m *misconduct) step(now, held time.Duration, breaches uint64) (why string) {
	span := now - m.at
	m.level = max(0, m.level-breachRate*span.Seconds()) + float64(breaches-m.breaches)
	switch first := m.at == 0; {
	case !first && held-m.held > span/2:
		why = "it sends more than is read"
	case m.level > breachesAtOnce:
		m.level = breachesAtOnce
		why = "it sends what breaks the rules of the calls"
	}
	m.at, m.held, m.breaches = now, held, breaches
	return why
}
