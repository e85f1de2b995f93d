package pid1

import (
	"context"
	"errors"
	"time"

	"github.com/silo-os/silo/hvcall"
)

const (
	// retryAfter is how long after a host was found to be away it is tried again.
	retryAfter = 20 * time.Millisecond

	// askHostEvery is how often the host is asked something that only one which knows this guest answers. A host
	// that took the place of another so quickly that the port did not show it is noticed by that.
	askHostEvery = 2 * time.Second
)

// helloAgain has Hello said: another host may be there, which knows nothing of this guest.
func (g *guest) helloAgain() {
	select {
	case g.again <- struct{}{}:
	default:
	}
}

// heed takes from an error what it says of the host.
func (g *guest) heed(err error) {
	var fault *hvcall.Fault
	if errors.As(err, &fault) && fault.Code == hvcall.CodeOrder {
		g.helloAgain()
	}
}

// reintroduce says Hello to each new host and states everything again, as long as the guest lives.
func (g *guest) reintroduce() {
	for range g.again {
		g.host.Lost() // who was asked before is not there to answer
		// Before there is a control loop there is nothing to forget or to state.
		_ = g.post(hvcall.OpSteal, (*control).unsay)
		w, err := g.hello()
		if err != nil {
			g.log.Warn("hello not said again", "err", err)
			continue
		}
		if g.ready.Load() {
			g.heed(g.host.SendReady())
		}
		_ = g.post(hvcall.OpDemand, func(c *control) { c.restate(w.Grant.Serial) })
	}
}

// watchHost looks whether the host knows this guest, as long as the guest lives.
func (g *guest) watchHost() {
	for range time.Tick(askHostEvery) {
		ctx, cancel := context.WithTimeout(context.Background(), askHostEvery)
		_, err := g.host.AskTime(ctx)
		cancel()
		g.heed(err)
	}
}

// untilTaken repeats what must reach a host until one has taken it, for no longer than most. A host that is away, or
// that does not know this guest yet, is a reason to repeat; a refusal, and the end of the conversation, are not.
func (g *guest) untilTaken(most time.Duration, send func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	for {
		err := send(ctx)
		g.heed(err)
		if !notNow(err) || ctx.Err() != nil {
			return err
		}
		time.Sleep(retryAfter)
	}
}

// notNow reports whether what was said is worth saying again: the host is away, does not know this guest yet, or has no time.
func notNow(err error) bool {
	var fault *hvcall.Fault
	return errors.Is(err, hvcall.ErrAway) ||
		errors.As(err, &fault) && (fault.Code == hvcall.CodeOrder || fault.Code == hvcall.CodeBusy)
}
