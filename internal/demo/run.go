package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
)

// Config says where the run finds the module and tells what it does.
type Config struct {
	Dir string    // root of the module
	Out io.Writer // progress, a line for each change, the closing table
}

// ErrBroken is returned by a run that went to its end and did not keep every promise.
var ErrBroken = errors.New("not everything was as promised")

// The guest begins with this and may have that.
const (
	memoryMin = 64 << 20
	memoryMax = 2 << 30
	milliMin  = 1000
	milliMax  = 2000
)

// Run does the whole job, set-up included. It returns nil only when every promise was kept.
func Run(ctx context.Context, cfg Config) error {
	prepared, err := prepare(ctx, cfg)
	if err != nil {
		return err
	}
	n, err := node.New(node.Config{})
	if err != nil {
		return err
	}
	defer n.Close()
	result, rec, err := play(ctx, cfg, n, prepared)
	if err != nil {
		return err
	}
	if err := report(cfg, result, rec); err != nil {
		return err
	}
	if !result.OK {
		return fmt.Errorf("demo: %w: %s", ErrBroken, strings.Join(result.Broken, "; "))
	}
	return nil
}

// play runs the guest through all phases and sums up.
func play(ctx context.Context, cfg Config, n *node.Node, p prepared) (Result, *recorder, error) {
	s := &session{records: p.records, rec: newRecorder(cfg.Out, time.Now())}
	s.found.RecordsTotal = len(p.records)
	list := phases(len(p.records))
	s.rec.begin(list[0].name)
	guest, err := n.Start(ctx, p.spec(cfg.Out, s.rec.observe))
	if err != nil {
		return Result{}, nil, err
	}
	s.guest = guest
	for i, ph := range list {
		if i > 0 {
			s.rec.begin(ph.name)
		}
		if err := s.run(ctx, ph); err != nil {
			return Result{}, nil, fmt.Errorf("demo: %s: %w", ph.name, err)
		}
	}
	s.found.Accelerator = p.accel
	s.found.summarize(s.rec.stop())
	s.found.Phases = phaseTimes(s.rec.phases, time.Since(s.rec.start))
	if err := guest.Shutdown(ctx, 10*time.Second); err != nil {
		return Result{}, nil, fmt.Errorf("demo: %w", err)
	}
	s.found.Broken = Judge(s.found)
	s.found.OK = len(s.found.Broken) == 0
	return s.found, s.rec, nil
}

// run does one phase. The end of the guest ends it, with the reason.
func (s *session) run(ctx context.Context, ph phase) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	late := time.AfterFunc(ph.most, func() { stop(fmt.Errorf("not done after %v", ph.most)) })
	defer late.Stop()
	go func() {
		select {
		case <-s.guest.Done():
			stop(ended(s.guest))
		case <-ctx.Done():
		}
	}()
	return ph.do(ctx, s)
}

// prepared is what the run needs beforehand.
type prepared struct {
	records []Record
	image   *images.Image
	accel   string
}

// spec is the guest of the run.
func (p prepared) spec(out io.Writer, observe func(node.Observation)) node.GuestSpec {
	return node.GuestSpec{
		Name: "kv", Kernel: p.image.KernelPath(), Initramfs: p.image.InitramfsPath(),
		Memory: node.Memory{Min: memoryMin, Max: memoryMax}, CPU: node.CPU{MinMilli: milliMin, MaxMilli: milliMax},
		Ports:  []vmm.Forward{{GuestPort: 6379}},
		Stdout: out, Stderr: out, InitLog: out,
		Observer: observe, Sample: 100 * time.Millisecond,
	}
}
