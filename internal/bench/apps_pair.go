package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// appPair is silo's guest and the stock one, side by side. They are loaded in turn: a machine that is shared is slower by a half for a minute
// at a time, and what one guest is loaded in must be what the other is.
type appPair struct {
	sides [2]appSide // silo's, stock
	order []int      // who goes first
	stop  []func() error
}

// appSide is one guest of a pair.
type appSide struct {
	name        string
	load        appLoad
	full, paced measured
}

// String is a part of a line of progress.
func (s appSide) String() string {
	return fmt.Sprintf("%s %.0f a second, p99 %.2f ms, and of %.0f a second %.2f ms", s.name, s.full.rate, millis(s.full.p99), s.paced.rate, millis(s.paced.p99))
}

// startPair starts both, silo's first or last.
func (s appSubject) startPair(ctx context.Context, last bool) (*appPair, error) {
	p := &appPair{sides: [2]appSide{{name: "silo"}, {name: "stock"}}, order: []int{0, 1}}
	if last {
		slices.Reverse(p.order)
	}
	starts := [2]func(context.Context) (*appGuest, error){s.startSilo, s.startStock}
	for _, i := range p.order {
		if err := p.start(ctx, s, &p.sides[i], starts[i]); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", p.sides[i].name, err), p.close())
		}
	}
	return p, nil
}

func (p *appPair) start(ctx context.Context, s appSubject, side *appSide, start func(context.Context) (*appGuest, error)) error {
	g, err := start(ctx)
	if err != nil {
		return err
	}
	p.stop = append(p.stop, g.close)
	if side.load, err = s.connect(ctx, g); err != nil {
		return fmt.Errorf("connect: %w: %s", err, g.said.last())
	}
	p.stop = append(p.stop, func() error { side.load.close(); return nil })
	_, err = side.load.run(ctx, appsWarm)
	return err
}

// close ends both.
func (p *appPair) close() (err error) {
	for _, stop := range slices.Backward(p.stop) {
		err = errors.Join(err, stop())
	}
	return err
}

// load loads both with all they can take, and then with as much for either.
func (p *appPair) load(ctx context.Context) error {
	full, err := p.inTurn(appsTurns, func(l appLoad) (worked, error) { return l.run(ctx, appsTurn) })
	if err != nil {
		return err
	}
	rate := appsShare * min(full[0].rate/p.sides[0].load.each, full[1].rate/p.sides[1].load.each)
	paced, err := p.inTurn(appsPaced, func(l appLoad) (worked, error) { return l.paced(ctx, appsTurn, rate) })
	for i := range p.sides {
		p.sides[i].full, p.sides[i].paced = full[i], paced[i]
	}
	return err
}

// inTurn has each side work so often, a turn at a time.
func (p *appPair) inTurn(each int, work func(appLoad) (worked, error)) (m [2]measured, err error) {
	var did [2]worked
	for _, i := range turns(p.order, each) {
		w, err := work(p.sides[i].load)
		if err != nil {
			return m, fmt.Errorf("%s: %w", p.sides[i].name, err)
		}
		did[i].add(w)
	}
	for i := range did {
		if m[i], err = did[i].measure(p.sides[i].load.each); err != nil {
			return m, fmt.Errorf("%s: %w", p.sides[i].name, err)
		}
	}
	return m, nil
}

// turns is an order there and back again, and so on, until each has come so often.
func turns(order []int, each int) (all []int) {
	for n := range each {
		next := slices.Clone(order)
		if n%2 == 1 {
			slices.Reverse(next)
		}
		all = append(all, next...)
	}
	return all
}

// connect tries until the server serves.
func (s appSubject) connect(ctx context.Context, g *appGuest) (appLoad, error) {
	ctx, cancel := context.WithTimeout(ctx, bootDeadline)
	defer cancel()
	for {
		l, err := s.load(ctx, g.addr)
		if err == nil {
			return l, nil
		}
		select {
		case <-g.gone:
			return appLoad{}, errors.Join(errGone, err)
		case <-ctx.Done():
			return appLoad{}, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
