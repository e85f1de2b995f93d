package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

// bootDeadline is how long any one guest may take to boot; more is a failed measurement.
const bootDeadline = 60 * time.Second

// Both kernels get this machine; they differ only in the memory present at boot.
const (
	bootMemory  = 64 << 20
	stockMemory = 256 << 20
	maxMemory   = 1 << 30
	bootVCPUs   = 2
)

// bootSilo starts silo's image as `silo run` does, by a node; templates is the folder of them, "" = none. from
// says that there must be one to go on from.
func (s subject) bootSilo(ctx context.Context, templates string, from bool) (hello, main time.Duration, err error) {
	said := newListener(firstWords)
	g, stop, err := s.start(ctx, node.Config{Templates: templates}, node.GuestSpec{Memory: node.Memory{Min: bootMemory, Max: maxMemory},
		CPU: node.CPU{MinMilli: 1000, MaxMilli: 1000 * bootVCPUs}, Stdout: said, Template: templates != ""})
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	if from != g.FromTemplate() {
		return 0, 0, fmt.Errorf("the guest went on from a template: %v, want %v", g.FromTemplate(), from)
	}
	heard, err := said.wait(ctx, g.Done())
	if err != nil {
		return 0, 0, err
	}
	t := g.Times()
	return t.Hello.Sub(t.Started), heard.Sub(t.Started), nil
}

// start starts a guest on a node of its own; stop ends both.
func (s subject) start(ctx context.Context, cfg node.Config, spec node.GuestSpec) (*node.Guest, func(), error) {
	n, err := node.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	spec.Kernel, spec.Initramfs = s.image.KernelPath(), s.image.InitramfsPath()
	g, err := n.Start(ctx, spec)
	if err != nil {
		n.Close()
		return nil, nil, err
	}
	return g, func() { n.Close() }, nil
}

// roundTrips times calls to PID 1 of a guest whose application idles.
func (s subject) roundTrips(ctx context.Context, cfg Config) ([]time.Duration, error) {
	vm, err := vmm.Start(ctx, vmm.Config{Name: "rtt", Kernel: s.image.KernelPath(), Initramfs: s.image.InitramfsPath(),
		BootMemory: 64 << 20, MaxMemory: 128 << 20, VCPUs: 1})
	if err != nil {
		return nil, err
	}
	defer vm.Close()
	welcome := hvcalltest.DefaultWelcome()
	welcome.Memory.Max, welcome.CPU.MaxMilli = 64<<20, 1000
	host := hvcalltest.NewHost(vm.Port(), hvcalltest.HostConfig{Welcome: welcome})
	ctx, cancel := context.WithTimeout(ctx, bootDeadline)
	defer cancel()
	go host.Serve(ctx)
	if _, err := host.Readies.Wait(ctx, nil); err != nil {
		return nil, fmt.Errorf("measure round trip: %w", err)
	}
	trips := make([]time.Duration, 0, roundTrips)
	for range roundTrips {
		d, err := host.Conn().RoundTrip(ctx)
		if err != nil {
			return nil, fmt.Errorf("measure round trip: %w", err)
		}
		trips = append(trips, d)
	}
	fmt.Fprintf(cfg.Out, "round trips: %d\n", len(trips))
	return trips, nil
}

// settle is how long an idle guest has to give back what booting and serving took.
const settle = 10 * time.Second

// idle measures the memory the host holds for guests that serve and have nothing to do, in MiB.
func (s subject) idle(ctx context.Context, cfg Config) ([]float64, error) {
	var mib []float64
	for i := range idleGuests {
		resident, err := s.idleOnce(ctx)
		if err != nil {
			return nil, fmt.Errorf("measure idle guest %d: %w", i+1, err)
		}
		mib = append(mib, float64(resident)/(1<<20))
		fmt.Fprintf(cfg.Out, "idle guest %d/%d   %.1f MiB\n", i+1, idleGuests, mib[i])
	}
	return mib, nil
}

func (s subject) idleOnce(ctx context.Context) (int64, error) {
	g, stop, err := s.start(ctx, node.Config{}, node.GuestSpec{Memory: node.Memory{Min: 48 << 20, Max: 256 << 20},
		Ports: []vmm.Forward{{GuestPort: 8080}}})
	if err != nil {
		return 0, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, bootDeadline)
	defer cancel()
	select {
	case <-g.Ready():
	case <-g.Done():
		_, err := g.Wait()
		return 0, cmp.Or(err, errGone)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	url := "http://" + g.Forwards()[0].HostAddr() + "/"
	if err := serves(ctx, url); err != nil {
		return 0, err
	}
	for range 10 {
		if err := get(ctx, url); err != nil {
			return 0, err
		}
	}
	select {
	case <-time.After(settle):
	case <-g.Done():
		return 0, errGone
	}
	if err := get(ctx, url); err != nil { // it serves still
		return 0, err
	}
	resident := g.Observe().Resident
	if resident <= 0 {
		return 0, errors.New("the memory the host holds for the guest could not be read")
	}
	return resident, nil
}

var errGone = errors.New("the guest ended before it was measured")

// serves waits until the application answers: it may say that it is ready a moment before.
func serves(ctx context.Context, url string) error {
	for {
		err := get(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// get asks the application for its page.
func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the application: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("ask the application: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the application: it answered %s", resp.Status)
	}
	return nil
}
