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
)

const (
	appsPairs  = 7
	appsMemory = 1 << 30
	appsVCPUs  = 1 // the load and QEMU's own threads need a processor, too
	appsWarm   = 2 * time.Second
	appsSpan   = 10 * time.Second // of which the slowest hundredth are a score of answers and more, under emulation
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

// measure measures in pairs; who is first changes from one to the next.
func (s appSubject) measure(ctx context.Context, cfg Config, pairs int) (t appTimes, err error) {
	for n := range pairs {
		sides := []struct {
			name  string
			start func(context.Context) (*appGuest, error)
			to    *struct{ rate, p99 []float64 }
		}{{"silo", s.startSilo, &t.silo}, {"stock", s.startStock, &t.stock}}
		if n%2 == 1 {
			sides[0], sides[1] = sides[1], sides[0]
		}
		for _, side := range sides {
			m, err := s.once(ctx, side.start)
			if err != nil {
				return t, fmt.Errorf("%s: %w", side.name, err)
			}
			side.to.rate = append(side.to.rate, m.rate)
			side.to.p99 = append(side.to.p99, m.p99.Seconds()*1000)
			fmt.Fprintf(cfg.Out, "%s pair %d/%d %-5s %8.0f a second, p99 %.2f ms\n", s.name, n+1, pairs, side.name, m.rate, m.p99.Seconds()*1000)
		}
	}
	return t, nil
}

// once starts a guest, loads it and ends it.
func (s appSubject) once(ctx context.Context, start func(context.Context) (*appGuest, error)) (m measured, err error) {
	g, err := start(ctx)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	l, err := s.connect(ctx, g)
	if err != nil {
		return m, fmt.Errorf("connect: %w: %s", err, g.said.last())
	}
	defer l.close()
	if _, err := l.run(ctx, appsWarm); err != nil {
		return m, err
	}
	return l.run(ctx, appsSpan)
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
