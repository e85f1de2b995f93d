package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/devsetup"
)

// The bars of the boot benchmark. main_s has no limit of its own: it must be what the ratio demands.
var (
	mainRatio    = Bar{"boot.main_ratio", 0.25, Lower, "of stock"}
	rttP50       = Bar{"boot.rtt_p50_us", 500, Lower, "µs"}
	idleResident = Bar{"boot.idle_resident_mib", 40, Lower, "MiB"}
)

func mainSeconds(stock float64) Bar {
	return Bar{"boot.main_s", mainRatio.Limit * stock, Lower, "s"}
}

const (
	bootRuns   = 9    // measured, of each system; one more before them fills the caches
	idleGuests = 3    // guests whose idle memory is measured
	roundTrips = 2000 // calls timed

	application = "./examples/hello"
	firstWords  = "hello: serving on" // what it prints first, when it is about to serve
)

// subject is what boots: silo's image, and the distribution's kernel with the same application.
type subject struct {
	image        *images.Image
	stock        string // path of the distribution's kernel
	stockInitrd  string // path of an archive with the application as /init
	stockPackage string
	accel        string
}

// Boot measures how long a guest takes from the start of QEMU to its application, beside the stock
// kernel, the round trip of a call, and the memory of an idle guest.
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
	if s.accel, err = vmm.ProbeAccel(ctx, vmm.ProbeConfig{}); err != nil {
		return s, err
	}
	cache, err := cacheDir()
	if err != nil {
		return s, err
	}
	if s.stock, s.stockPackage, err = stockKernel(ctx, machine, filepath.Join(cache, "stock")); err != nil {
		return s, err
	}
	s.stockInitrd = filepath.Join(cache, "stock", "hello.cpio")
	return s, asInit(s.image.InitramfsPath(), s.stockInitrd)
}

// bootTimes are the measured starts, in seconds; the n-th of each were measured one after the other.
type bootTimes struct {
	hello, main, stock []float64
}

// race boots silo and the stock kernel in turn.
func (s subject) race(ctx context.Context, cfg Config) (t bootTimes, err error) {
	for i := range bootRuns + 1 {
		hello, main, err := s.bootSilo(ctx)
		if err != nil {
			return t, fmt.Errorf("boot silo, run %d: %w", i, err)
		}
		stock, err := s.bootStock(ctx)
		if err != nil {
			return t, fmt.Errorf("boot stock kernel, run %d: %w", i, err)
		}
		note := ""
		if i == 0 {
			note = "   (fills the caches, not counted)"
		} else {
			t.hello = append(t.hello, hello.Seconds())
			t.main = append(t.main, main.Seconds())
			t.stock = append(t.stock, stock.Seconds())
		}
		fmt.Fprintf(cfg.Out, "boot %d/%d   silo: hello %.2f s, main %.2f s   stock: main %.2f s%s\n", i, bootRuns,
			hello.Seconds(), main.Seconds(), stock.Seconds(), note)
	}
	return t, nil
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
		{mainRatio, median(t.main) / stock, Ratios(t.main, t.stock),
			fmt.Sprintf("QEMU start to the first line of examples/hello: median silo / median %s told %q; median, min, max of pairs booted in turn",
				stockPackage, stockCmdline)},
		{mainSeconds(stock), median(t.main), t.main,
			fmt.Sprintf("QEMU start to PID 1's Hello answered: median %.3f s; stock kernel to the application's first line: median %.3f s; the limit is %v of that",
				median(t.hello), stock, mainRatio.Limit)},
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
