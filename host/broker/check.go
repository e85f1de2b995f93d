package broker

import "fmt"

// Check says which of its invariants a broker broke, and is nil while they hold. It takes time in proportion to the
// guests: it is for tests, simulations and dumps.
func (b *Broker) Check() error {
	if err := b.checkSums(); err != nil {
		return err
	}
	for i, g := range b.members {
		if g.at != i || b.index[g.ID] != g || g.touched {
			return fmt.Errorf("%s: not where it should be among the members", g.ID)
		}
		if err := b.checkGuest(g); err != nil {
			return fmt.Errorf("%s: %w", g.ID, err)
		}
	}
	return nil
}

// checkSums checks what is kept about all members together.
func (b *Broker) checkSums() error {
	var sum tally
	var wants int64
	for _, g := range b.members {
		sum.move(tally{}, b.tallyOf(g))
		wants += b.memory.shares.claims[g.at].want
	}
	usable := b.s.Capacity.usable()
	switch {
	case sum != b.sum || wants != b.memory.shares.wants || len(b.index) != len(b.members):
		return fmt.Errorf("the sums %+v are not what the guests add up to, %+v", b.sum, sum)
	case sum.upper > usable && sum.upper > b.held: // a capacity that fell comes back as guests shrink
		return fmt.Errorf("guests may hold %s of %s", size(sum.upper), size(usable))
	case sum.milli > b.s.Capacity.MilliCPU && sum.milli > b.heldMilli:
		return fmt.Errorf("guests may use %d of %d mCPU", sum.milli, b.s.Capacity.MilliCPU)
	}
	return nil
}

// checkGuest checks one member against itself.
func (b *Broker) checkGuest(g *member) error {
	m, c, bounds := &g.Memory, &g.CPU, g.Bounds
	if g.Phase == PhaseWaiting {
		if m.Upper != 0 || c.Promises != nil {
			return fmt.Errorf("waits and holds something")
		}
		return nil
	}
	most := max(bounds.Max, m.Upper) // a maximum that was lowered is reached as the guest shrinks
	switch {
	case b.tallyOf(g) != g.booked:
		return fmt.Errorf("its part of the sums is out of date")
	case m.Target < bounds.Min || m.Target > bounds.Max || m.Asked > most || m.Asked < bounds.Boot:
		return fmt.Errorf("target %s or asked %s outside the bounds %s to %s", size(m.Target), size(m.Asked), size(bounds.Min), size(bounds.Max))
	case m.Firm < bounds.Boot || m.Firm > m.Upper || m.Asked < m.Firm || m.Asked > m.Upper:
		return fmt.Errorf("interval %s to %s does not hold what was asked, %s", size(m.Firm), size(m.Upper), size(m.Asked))
	case g.Phase == PhaseRunning && (int64(g.Grant.Memory) > bounds.Max || int64(g.Grant.MilliCPU) > bounds.MaxMilli):
		return fmt.Errorf("granted more than its most")
	case g.Phase == PhaseRunning && g.Grant.Serial != 0 && int64(g.Grant.MilliCPU) < min(g.sureMilli(), c.Promises.upper()):
		return fmt.Errorf("granted less than its least")
	case c.Promises.upper() < int64(g.Grant.MilliCPU) || c.Promises.upper() < c.Granted:
		return fmt.Errorf("vCPUs granted outside the ledger")
	case g.Applied > g.Grant.Serial:
		return fmt.Errorf("applied what was never granted")
	case m.Bucket.Tokens < 0 || m.Use.Tax < 0 || m.Use.Tax > taxSteps || m.Use.Idle > maxMemory:
		return fmt.Errorf("bucket %+v or use %+v out of range", m.Bucket, m.Use)
	case m.Owing.Due != 0 && m.Owing.Due < m.Owing.Since:
		return fmt.Errorf("judged before its window began: %+v", m.Owing)
	case g.Conduct.Bad && b.s.Now >= g.Conduct.Until:
		return fmt.Errorf("misbehaves for longer than it is to: %+v", g.Conduct)
	case (g.wake.ok) != (g.due > 0) || g.wake.ok && g.wake.at <= b.s.Now:
		return fmt.Errorf("its next moment %v is not in the queue, or over", g.wake.at)
	}
	return nil
}
