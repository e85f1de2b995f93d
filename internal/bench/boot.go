package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// The bars of the boot benchmark. Seconds have no limit of their own: they must be what the ratio demands.
var (
	mainRatio    = Bar{"boot.main_ratio", 0.25, Lower, "of stock"}
	coldRatio    = Bar{"boot.cold_ratio", mainRatio.Limit, Lower, "of stock"}
	rttP50       = Bar{"boot.rtt_p50_us", 500, Lower, "µs"}
	idleResident = Bar{"boot.idle_resident_mib", 40, Lower, "MiB"}
)

func seconds(name string, stock float64) Bar {
	return Bar{name, mainRatio.Limit * stock, Lower, "s"}
}

const (
	bootRuns   = 7    // measured, of each system; one more before them fills the caches
	idleGuests = 3    // guests whose idle memory is measured
	roundTrips = 2000 // calls timed

	application = "./examples/hello"
	firstWords  = "hello: serving on" // what it prints first, when it is about to serve
)

// subject is what boots: silo's image, and the distribution's kernel with the same application.
type subject struct {
	stockHost
	image       *images.Image
	stockInitrd string // path of an archive with the application as /init
}

// Boot measures how long a guest takes from the start of QEMU to its application, from a template and
// without one, beside the stock kernel; the round trip of a call, and the memory of an idle guest.
func Boot(ctx context.Context, cfg Config) ([]Result, error) {
	s, err := prepareBoot(ctx, cfg)
	if err != nil {
		return nil, err
	}
	times, err := s.race(ctx, cfg)
	if err != nil {
		return nil, err
	}
	trips, err := s.roundTrips(ctx, cfg)
	if err != nil {
		return nil, err
	}
	idle, err := s.idle(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return judgeBoot(s.stockPackage, times, trips, idle)
}

func prepareBoot(ctx context.Context, cfg Config) (s subject, err error) {
	machine := devsetup.Machine(cfg.Out)
	if err := devsetup.Ensure(ctx, machine, devsetup.VM, devsetup.Kernel, devsetup.Stock); err != nil {
		return s, err
	}
	s.image, err = images.Build(ctx, images.Config{Package: application, Dir: cfg.Dir, Progress: cfg.Out})
	if err != nil {
		return s, err
	}
	if s.stockHost, err = findStockHost(ctx, machine); err != nil {
		return s, err
	}
	s.stockInitrd = filepath.Join(s.dir, "hello.cpio")
	return s, asInit(s.image.InitramfsPath(), s.stockInitrd)
}

// judgeBoot makes the results from the measurements: seconds, microseconds and MiB.
func judgeBoot(stockPackage string, t bootTimes, trips []time.Duration, idle []float64) ([]Result, error) {
	median := func(s []float64) float64 { return Quantile(s, 0.5) }
	micros := make([]float64, len(trips))
	for i, d := range trips {
		micros[i] = float64(d.Nanoseconds()) / 1000
	}
	stock := median(t.stock)
	var results []Result
	for _, m := range []struct {
		bar     Bar
		value   float64
		samples []float64
		note    string
	}{
		{mainRatio, median(t.template.main) / stock, Ratios(t.template.main, t.stock),
			fmt.Sprintf("from a template: QEMU start to the first line of examples/hello: median silo / median %s told %q; median, min, max of pairs booted in turn",
				stockPackage, stockCmdline)},
		{seconds("boot.main_s", stock), median(t.template.main), t.template.main,
			fmt.Sprintf("from a template; stock kernel to the application's first line: median %.3f s; the limit is %v of that; the first start, which boots and saves the template of %.1f MiB, took median %.3f s, %.3f s more than one that only boots",
				stock, mainRatio.Limit, float64(t.templateBytes)/(1<<20), median(t.saving.main), median(t.saving.main)-median(t.cold.main))},
		{coldRatio, median(t.cold.main) / stock, Ratios(t.cold.main, t.stock), "as boot.main_ratio, without a template: every first start, and each with --template=off"},
		{seconds("boot.cold_s", stock), median(t.cold.main), t.cold.main,
			fmt.Sprintf("without a template; QEMU start to PID 1's Hello answered: median %.3f s", median(t.cold.hello))},
		{rttP50, median(micros), micros, fmt.Sprintf("heartbeat over virtio-serial to PID 1 while the application idles; p99 %.0f µs", Quantile(micros, 0.99))},
		{idleResident, median(idle), idle, "guest RAM held by the host, examples/hello after it served, --memory 48M:256M"},
	} {
		r, err := m.bar.With(m.value, m.samples, m.note)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}
