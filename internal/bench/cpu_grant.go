package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The mechanisms whose grants are compared.
const (
	grantSilo   = "silo"
	grantCalled = "silo, taken back" // the same on a host that revokes on order
	grantSysfs  = "sysfs"
	grantOwn    = "sysfs, silo's kernel"
	grantACPI   = "acpi"
	grantUnplug = "acpi, unplugged"
)

const (
	grantRounds = 15 // counted; one more before them brings each vCPU online for the first time

	unplugEvery = 5 // rounds: each needs a guest of its own

	grantLight = 300 * time.Millisecond // light load before the burst
	grantBurst = 1500 * time.Millisecond
	grantTake  = 1200 * time.Millisecond // from the begin of the burst until the vCPU is taken back
	grantCycle = 8 * time.Second         // at least between two bursts of one guest, so that it asks for less in between
)

var errNothingToRevoke = errors.New("the guest has no vCPU that could be taken back")

// revoker is a guest whose vCPU can be taken.
type revoker interface {
	cpuGuest
	Revoke(context.Context) (time.Duration, error)
}

// grantTimes are milliseconds by mechanism; the n-th of each were measured in one round.
type grantTimes struct {
	granted, revoked map[string][]float64
	asked            []float64 // silo's, from the demand at the host to the guest's word that it is applied; a part of what is in granted
}

// measureGrants compares how long a burst waits for its second vCPU, and how long it takes to get that back.
func measureGrants(ctx context.Context, s cpuSubject, cfg Config) ([]Result, error) {
	guests, stop, err := startGrants(ctx, s)
	if err != nil {
		return nil, err
	}
	defer stop()
	t := grantTimes{granted: map[string][]float64{}, revoked: map[string][]float64{}}
	for round := range grantRounds + 1 {
		begin := time.Now()
		var said []string
		note := func(name string, granted, revoked time.Duration) {
			text := fmt.Sprintf("%s: granted %.1f", name, millis(granted))
			if revoked > 0 {
				text += fmt.Sprintf(", revoked %.1f", millis(revoked))
			}
			said = append(said, text)
			if round == 0 {
				return
			}
			t.granted[name] = append(t.granted[name], millis(granted))
			if revoked > 0 {
				t.revoked[name] = append(t.revoked[name], millis(revoked))
			}
		}
		for _, g := range guests {
			granted, revoked, err := burst(ctx, g.guest)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", g.name, round, err)
			}
			note(g.name, granted, revoked)
			if c, ok := g.guest.(*calledCPU); ok && round > 0 {
				t.asked = append(t.asked, millis(c.Took()))
			}
		}
		if round%unplugEvery == 1 {
			granted, revoked, err := unplugOnce(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", grantUnplug, round, err)
			}
			note(grantUnplug, granted, revoked)
		}
		fmt.Fprintf(cfg.Out, "grant %d/%d   %s ms\n", round, grantRounds, strings.Join(said, "   "))
		select {
		case <-time.After(time.Until(begin.Add(grantCycle))):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return judgeGrants(s.stockPackage, t)
}

// unplugOnce boots a guest, has it go through a burst and unplugs its second vCPU.
func unplugOnce(ctx context.Context, s cpuSubject) (granted, revoked time.Duration, err error) {
	g, err := startACPI(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return burst(ctx, unplugged{g})
}

// unplugged is a guest whose vCPU is taken by unplugging it, and acpiGuest one whose vCPU is only put out of use.
type unplugged struct{ *acpiGuest }

func (g unplugged) Revoke(ctx context.Context) (time.Duration, error) { return g.Unplug(ctx) }

func millis(d time.Duration) float64 { return d.Seconds() * 1000 }

type namedGuest struct {
	name  string
	guest cpuGuest
}

// startGrants boots one guest of each mechanism.
func startGrants(ctx context.Context, s cpuSubject) (guests []namedGuest, stop func(), err error) {
	stop = func() {
		for _, g := range guests {
			g.guest.Close()
		}
	}
	for _, m := range []struct {
		name  string
		start func() (cpuGuest, error)
	}{
		{grantSilo, func() (cpuGuest, error) { return startSiloCPU(ctx, s, 2) }},
		{grantCalled, func() (cpuGuest, error) { return startCalledCPU(ctx, s) }},
		{grantSysfs, func() (cpuGuest, error) { return startSysfs(ctx, s.stockSysfsArgs()) }},
		{grantOwn, func() (cpuGuest, error) { return startSysfs(ctx, s.sysfsArgs()) }},
		{grantACPI, func() (cpuGuest, error) { return startACPI(ctx, s) }},
	} {
		g, err := m.start()
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("start guest of %s: %w", m.name, err)
		}
		guests = append(guests, namedGuest{m.name, g})
	}
	return guests, stop, nil
}

// burst has a guest go through one, and takes its second vCPU back in the middle of it where it can be taken.
func burst(ctx context.Context, g cpuGuest) (granted, revoked time.Duration, err error) {
	if err := g.Order(fmt.Sprintf("burst %d %d", grantLight.Milliseconds(), grantBurst.Milliseconds())); err != nil {
		return 0, 0, err
	}
	select {
	case <-time.After(grantLight + grantTake):
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	switch g := g.(type) {
	case revoker:
		revoked, err = g.Revoke(ctx)
	case *acpiGuest:
		err = g.Offline(ctx)
	}
	if err != nil {
		return 0, 0, err
	}
	e, err := g.Event(ctx, "burst")
	if err != nil {
		return 0, 0, err
	}
	if e.Ran == 0 {
		all := time.Duration(e.Done - e.Began)
		if overACPI(g) { // it took longer than that: this speaks for it
			return all, revoked, nil
		}
		return 0, 0, fmt.Errorf("no goroutine ran on another vCPU in a burst of %v", all)
	}
	return time.Duration(e.Ran - e.Began), revoked, nil
}

func overACPI(g cpuGuest) bool {
	switch g.(type) {
	case *acpiGuest, unplugged:
		return true
	}
	return false
}
