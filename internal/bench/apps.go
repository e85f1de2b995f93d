package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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

	// Limits of our own. A client that asks again at once asks the quicker server more often, and its slowest answers are those of another load:
	// a Go server on one vCPU goes on with a connection whose next request is there when it has answered the last, for 10 ms or more.
	appsCaddyPaced = Bar{"apps.caddy_p99_paced", 1.05, Lower, "of stock"}
	appsNatsPaced  = Bar{"apps.nats_p99_paced", 1.05, Lower, "of stock"}
)

const (
	appsPairs  = 7
	appsMemory = 1 << 30
	appsVCPUs  = 1 // the load and QEMU's own threads need a processor, too
	appsWarm   = 2 * time.Second
	appsTurns  = 10 // of each guest: the slowest hundredth of all is a score of answers and more, under emulation
	appsTurn   = time.Second
	appsPaced  = 8   // turns of each with as many operations a second for either
	appsShare  = 0.5 // of what the slower one did before
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
	paced   Bar
}

var apps = []app{
	{"caddy", apptest.Caddy, 80, []string{"file-server", "--root", "/", "--listen", ":80"}, caddyLoad,
		"GET of 16 KiB of a file, 8 connections", appsCaddyRatio, appsCaddyP99, appsCaddyPaced},
	{"nats", apptest.Nats, 4222, nil, natsLoad,
		"100 messages of 512 bytes published and flushed, 4 connections", appsNatsRatio, appsNatsP99, appsNatsPaced},
}

// appTimes is what was measured of a server, pair by pair.
type appTimes struct{ silo, stock appSamples }

// appSamples is what was measured of one kind of guest: operations a second, and milliseconds.
type appSamples struct{ rate, p99, paced []float64 }

func (s *appSamples) add(side appSide) {
	s.rate = append(s.rate, side.full.rate)
	s.p99 = append(s.p99, millis(side.full.p99))
	s.paced = append(s.paced, millis(side.paced.p99))
}

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
		p, err := s.startPair(ctx, n%2 == 1)
		if err == nil {
			err = errors.Join(p.load(ctx), p.close())
		}
		if err != nil {
			return t, err
		}
		silo, stock := p.sides[0], p.sides[1]
		t.silo.add(silo)
		t.stock.add(stock)
		fmt.Fprintf(cfg.Out, "%s pair %d/%d: %v; %v\n", s.name, n+1, pairs, silo, stock)
	}
	return t, nil
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
	paced, errPaced := s.paced.Of(Ratios(t.silo.paced, t.stock.paced),
		fmt.Sprintf("as many operations a second for both, %.1f of what the slower one did, from when each was due; medians: silo %.2f ms, stock %.2f ms%s",
			appsShare, median(t.silo.paced), median(t.stock.paced), short))
	return []Result{rate, p99, paced}, errors.Join(errRate, errP99, errPaced)
}
