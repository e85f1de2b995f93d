package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/apptest"
	"github.com/silo-os/silo/internal/devsetup"
)

// The bars of the apps benchmark: a server in a silo guest beside the same program in the same QEMU under the
// distribution's kernel, with the same maximum of memory and as many vCPUs.
var (
	appsCaddyRatio = Bar{"apps.caddy_ratio", 0.95, Higher, "of stock"}
	appsNatsRatio  = Bar{"apps.nats_ratio", 0.95, Higher, "of stock"}
	appsCaddyP99   = Bar{"apps.caddy_p99", 1.05, Lower, "of stock"}
	appsNatsP99    = Bar{"apps.nats_p99", 1.05, Lower, "of stock"}
)

const (
	appsPairs  = 7
	appsMemory = 1 << 30
	appsVCPUs  = 1 // the load and QEMU's own threads need a processor, too
	appsWarm   = 2 * time.Second
	appsTurns  = 10 // of each guest: the slowest hundredth of all is a score of answers and more, under emulation
	appsTurn   = time.Second
)

// app is a server with its load.
type app struct {
	name    string
	program string
	port    int
	args    []string
	load    func(context.Context, string) (appLoad, error) // on an address
	what    string                                         // one operation
	ratio   Bar
	p99     Bar
}

var apps = []app{
	{"caddy", apptest.Caddy, 80, []string{"file-server", "--root", "/", "--listen", ":80"}, caddyLoad,
		"GET of 16 KiB of a file, 8 connections", appsCaddyRatio, appsCaddyP99},
	{"nats", apptest.Nats, 4222, nil, natsLoad,
		"100 messages of 512 bytes published and flushed, 4 connections", appsNatsRatio, appsNatsP99},
}

// appTimes is what was measured of a server, pair by pair.
type appTimes struct{ silo, stock struct{ rate, p99 []float64 } }

// Apps measures servers that know nothing of silo.
func Apps(ctx context.Context, cfg Config) ([]Result, error) {
	pairs, err := rounds(appsPairs)
	if err != nil {
		return nil, err
	}
	machine := devsetup.Machine(cfg.Out)
	if err := devsetup.Ensure(ctx, machine, devsetup.VM, devsetup.Kernel, devsetup.Stock); err != nil {
		return nil, err
	}
	host, err := findStockHost(ctx, machine)
	if err != nil {
		return nil, err
	}
	modules, err := stockModules(ctx, machine, host.dir, host.stockPackage)
	if err != nil {
		return nil, err
	}
	init, err := images.Build(ctx, images.Config{Package: "./internal/bench/stockinit", Dir: cfg.Dir, Progress: cfg.Out})
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, a := range apps {
		image, err := images.Build(ctx, images.Config{Package: a.program, Progress: cfg.Out})
		if err != nil {
			return nil, err
		}
		s := appSubject{app: a, image: image, stockHost: host, archive: filepath.Join(host.dir, a.name+".cpio")}
		if err := underModules(init.InitramfsPath(), image.InitramfsPath(), modules, s.archive); err != nil {
			return nil, err
		}
		t, err := s.measure(ctx, cfg, pairs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
		judged, err := s.judge(t, pairs)
		if err != nil {
			return nil, err
		}
		results = append(results, judged...)
	}
	return results, nil
}

// measure measures pair by pair.
func (s appSubject) measure(ctx context.Context, cfg Config, pairs int) (t appTimes, err error) {
	for n := range pairs {
		m, err := s.pair(ctx, n%2 == 1)
		if err != nil {
			return t, err
		}
		t.silo.rate, t.stock.rate = append(t.silo.rate, m[0].rate), append(t.stock.rate, m[1].rate)
		t.silo.p99, t.stock.p99 = append(t.silo.p99, milliseconds(m[0].p99)), append(t.stock.p99, milliseconds(m[1].p99))
		fmt.Fprintf(cfg.Out, "%s pair %d/%d: silo %.0f a second, p99 %.2f ms; stock %.0f a second, p99 %.2f ms\n", s.name, n+1, pairs,
			m[0].rate, milliseconds(m[0].p99), m[1].rate, milliseconds(m[1].p99))
	}
	return t, nil
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// appSide is one guest of a pair, under load or at rest.
type appSide struct {
	name string
	load appLoad
	did  worked
}

// pair starts silo's guest and the stock one, the other one first where last is set, and loads them in turn: a machine that is shared is slower
// by a half for a minute, and what one guest is loaded in must be what the other is.
func (s appSubject) pair(ctx context.Context, last bool) (m [2]measured, err error) {
	sides := [2]appSide{{name: "silo"}, {name: "stock"}}
	starts := [2]func(context.Context) (*appGuest, error){s.startSilo, s.startStock}
	order := []int{0, 1}
	if last {
		order = []int{1, 0}
	}
	for _, i := range order {
		side := &sides[i]
		g, err := starts[i](ctx)
		if err != nil {
			return m, fmt.Errorf("%s: %w", side.name, err)
		}
		defer func() { err = errors.Join(err, g.close()) }()
		if side.load, err = s.connect(ctx, g); err != nil {
			return m, fmt.Errorf("%s: connect: %w: %s", side.name, err, g.said.last())
		}
		defer side.load.close()
		if _, err := side.load.run(ctx, appsWarm); err != nil {
			return m, fmt.Errorf("%s: %w", side.name, err)
		}
	}
	for _, i := range turns(order, appsTurns) {
		did, err := sides[i].load.run(ctx, appsTurn)
		if err != nil {
			return m, fmt.Errorf("%s: %w", sides[i].name, err)
		}
		sides[i].did.add(did)
	}
	for i, side := range sides {
		var err error
		if m[i], err = side.did.measure(side.load.each); err != nil {
			return m, fmt.Errorf("%s: %w", side.name, err)
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

func (s appSubject) judge(t appTimes, pairs int) ([]Result, error) {
	short := ""
	if pairs < appsPairs {
		short = fmt.Sprintf("; a short run: %d pairs are the whole one", appsPairs)
	}
	median := func(samples []float64) float64 { return Quantile(samples, 0.5) }
	rate, errRate := s.ratio.Of(Ratios(t.silo.rate, t.stock.rate),
		fmt.Sprintf("%s, %s; each with %d vCPU and at most %d MiB, of which silo's had %d MiB at the start; medians: silo %.0f a second, %s %.0f%s",
			s.program, s.what, appsVCPUs, appsMemory>>20, s.boot()>>20, median(t.silo.rate), s.stockPackage, median(t.stock.rate), short))
	p99, errP99 := s.p99.Of(Ratios(t.silo.p99, t.stock.p99),
		fmt.Sprintf("as %s; medians: silo %.2f ms, stock %.2f ms%s", s.ratio.Name, median(t.silo.p99), median(t.stock.p99), short))
	return []Result{rate, p99}, errors.Join(errRate, errP99)
}
