package vmm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/silo-os/silo/host/vmm/internal/elastic"
	"github.com/silo-os/silo/host/vmm/qmp"
)

// Sending says where a guest is copied to.
type Sending struct {
	To  string // HOST:PORT, as Receive of the other machine returned it
	TLS Identity
	// Memory is where the memory of a guest that stands still is sent by itself, HOST:PORT; "" = QEMU sends it with the rest. The machine that
	// waits for it must have been told (Receive).
	Memory string
	// Downtime is for how long the guest may stand still at the end of the copying; 0 = DefaultDowntime. What is left to
	// copy then must fit into it, as fast as the link was until then.
	Downtime time.Duration
}

const (
	// DefaultDowntime is for how long a guest stands still that is moved, unless it changes its memory too fast for that.
	DefaultDowntime = 30 * time.Millisecond
	// MaxDowntime is the most that it may stand still, when nothing else helped.
	MaxDowntime = 300 * time.Millisecond

	// sendPoll is how often QEMU is asked how far it is, if it does not say so itself.
	sendPoll = 20 * time.Millisecond
	// settlePoll is how often it is asked for what is about to be.
	settlePoll = 500 * time.Microsecond
	// settleWithin is how long that may take.
	settleWithin = 10 * time.Second
	// noLimit is what the link may carry, bytes per second. QEMU's own default is 128 MiB.
	noLimit = 10 << 30
)

// Sent is how far the copying of a guest is, or was.
type Sent struct {
	Bytes    int64         // over the link
	Pages    int64         // bytes of pages that were sent whole; the rest was zeros
	Left     int64         // bytes
	Downtime time.Duration // measured by QEMU at the end, expected before
	Took     time.Duration
}

// SendError says that a guest was not copied. It runs on here, or stands still as it did.
type SendError struct{ Cause string }

// Error implements error.
func (e *SendError) Error() string { return "copy guest: " + e.Cause }

// migration is what query-migrate answers.
type migration struct {
	Status           string
	Cause            string `json:"error-desc"`
	Downtime         int64
	ExpectedDowntime int64 `json:"expected-downtime"`
	TotalTime        int64 `json:"total-time"`
	RAM              struct {
		Transferred, Remaining int64
		NormalBytes            int64 `json:"normal-bytes"`
	}
	Addresses []struct{ Type, Host, Port string } `json:"socket-address"`
}

func (m migration) sent() Sent {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	s := Sent{Bytes: m.RAM.Transferred, Pages: m.RAM.NormalBytes, Left: m.RAM.Remaining, Downtime: ms(m.Downtime), Took: ms(m.TotalTime)}
	if m.Downtime == 0 {
		s.Downtime = ms(m.ExpectedDowntime)
	}
	return s
}

func (vm *VM) migration(ctx context.Context) (m migration, err error) {
	return m, vm.explain(vm.monitor.Execute(ctx, "query-migrate", nil, &m))
}

// Send copies the guest to a machine that waits for it (Receive), while it runs, and returns when all of it is there. From then
// on the guest stands still here, until Continue. (A QEMU that loses track of what an emulated guest changes copies it while it
// stands still; see tracks.) Where it changes its memory faster than the link carries it, it is slowed
// down. When ctx ends the copying is given up: the guest runs on here, unless that came too late and all is
// there, which is no error. Errors: *SendError when the copying failed; all others say that QEMU did.
func (vm *VM) Send(ctx context.Context, s Sending) (Sent, error) {
	var still time.Time
	tracks, err := vm.tracks(ctx)
	if err != nil {
		return Sent{}, fmt.Errorf("copy guest: %w", vm.explain(err))
	}
	var aside *aside
	if s.Memory != "" {
		if aside, err = vm.dialAside(ctx, s); err != nil {
			return Sent{}, vm.unsent(ctx, err)
		}
		defer aside.close()
	}
	if !tracks || aside != nil {
		// Given up before QEMU has answered, it would stand still for ever.
		if err := vm.monitor.Execute(context.WithoutCancel(ctx), "stop", nil, nil); err != nil {
			return Sent{}, errors.Join(fmt.Errorf("copy guest: %w", vm.explain(err)), vm.goOn(ctx))
		}
		still = time.Now()
	}
	var memory Sent
	if aside != nil {
		letGo, err := vm.quiet(ctx)
		defer letGo()
		if err == nil {
			memory, err = vm.sendMemory(ctx, aside)
		}
		if err != nil {
			return memory, vm.unsent(ctx, err)
		}
	}
	if err := vm.beginSend(ctx, s); err != nil {
		return memory, errors.Join(fmt.Errorf("copy guest: %w", vm.explain(err)), vm.goOn(ctx))
	}
	sent, err := vm.AwaitSent(ctx)
	sent.Bytes, sent.Pages, sent.Took = sent.Bytes+memory.Bytes, sent.Pages+memory.Pages, sent.Took+memory.Took
	if !still.IsZero() {
		sent.Downtime = time.Since(still)
	}
	return sent, err
}

// unsent has a guest run on whose memory was not sent, and says why that is.
func (vm *VM) unsent(ctx context.Context, why error) error {
	if hasEnded(vm.proc) {
		return fmt.Errorf("copy guest: %w: %w", ErrNotRunning, why)
	}
	return errors.Join(&SendError{Cause: why.Error()}, vm.goOn(ctx))
}

// tracks reports whether QEMU knows for certain what a guest that runs has changed. Before 9.0 it does not for an emulated one:
// it forgets to have the emulator's translation buffers say so from then on, when it has read what was changed until then
// (cpu_physical_memory_sync_dirty_bitmap, for ranges of whole words of its bitmap). A guest that is copied while it runs then
// goes on with a few pages of the past.
func (vm *VM) tracks(ctx context.Context) (bool, error) {
	if vm.monitor.Greeting().Major >= 9 {
		return true, nil
	}
	var kvm struct{ Enabled bool }
	err := vm.monitor.Execute(ctx, "query-kvm", nil, &kvm)
	return kvm.Enabled, err
}

// goOn has a guest run on that was stopped to be copied, and was not, also when ctx has ended.
func (vm *VM) goOn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	for {
		var now struct{ Status string }
		if err := vm.monitor.Execute(ctx, "query-status", nil, &now); err != nil {
			return vm.explain(err)
		}
		switch now.Status {
		case "paused", "postmigrate": // the second where it was stopped before, and its copying failed in the end
			return vm.Continue(ctx)
		case "finish-migrate": // QEMU is about to be one of these, or to have it run by itself
		default:
			return nil
		}
		if err := elastic.Sleep(ctx, settlePoll); err != nil {
			return err
		}
	}
}

func (vm *VM) beginSend(ctx context.Context, s Sending) error {
	host, _, err := net.SplitHostPort(s.To)
	if err != nil || host == "" {
		return fmt.Errorf("%q is not HOST:PORT", s.To)
	}
	if err := vm.setMigration(ctx, s.Memory != ""); err != nil {
		return err
	}
	if err := vm.identify(ctx, s.TLS, "client"); err != nil {
		return err
	}
	if s.Downtime == 0 {
		s.Downtime = DefaultDowntime
	}
	if err := vm.monitor.Execute(ctx, "migrate-set-parameters", map[string]any{
		"downtime-limit": s.Downtime.Milliseconds(), "max-bandwidth": int64(noLimit), "tls-hostname": s.TLS.Peer,
	}, nil); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// Given up before QEMU has answered, it would copy without anybody who waits for the end, and stand still behind it.
	return vm.monitor.Execute(context.WithoutCancel(ctx), "migrate", map[string]string{"uri": "tcp:" + s.To}, nil)
}

// setMigration says how QEMU is to copy, with or without the memory files. Both sides must be told the same.
func (vm *VM) setMigration(ctx context.Context, withoutMemory bool) error {
	return setCapabilities(ctx, vm.monitor, map[string]bool{"auto-converge": true, "events": true, "x-ignore-shared": withoutMemory})
}

// setCapabilities switches capabilities of QEMU's migration on and off.
func setCapabilities(ctx context.Context, monitor *qmp.Client, are map[string]bool) error {
	var all []any
	for name, on := range are {
		all = append(all, map[string]any{"capability": name, "state": on})
	}
	return monitor.Execute(ctx, "migrate-set-capabilities", map[string]any{"capabilities": all}, nil)
}

// AllowDowntime lets the guest stand still for longer at the end of the copying that is under way.
func (vm *VM) AllowDowntime(ctx context.Context, d time.Duration) error {
	return vm.explain(vm.monitor.Execute(ctx, "migrate-set-parameters", map[string]any{"downtime-limit": d.Milliseconds()}, nil))
}

// AwaitSent is the end of Send, for who finds a machine whose guest is being copied.
func (vm *VM) AwaitSent(ctx context.Context) (Sent, error) {
	called := ctx.Done()
	own := context.WithoutCancel(ctx)
	for {
		m, err := vm.migration(own)
		if err != nil {
			return Sent{}, err
		}
		switch m.Status {
		case "completed":
			if is, err := vm.Doing(own); err != nil || is == Came { // it is how the guest came here
				return Sent{}, errors.Join(&SendError{Cause: "it was never begun"}, err, vm.goOn(own))
			}
			return vm.settled(own, Still)
		case "failed", "cancelled":
			err := vm.goOn(own)
			sent, settled := vm.settled(own, Runs)
			return sent, errors.Join(&SendError{Cause: m.Status + ": " + m.Cause}, err, settled)
		case "", "none":
			return m.sent(), errors.Join(&SendError{Cause: "it was never begun"}, vm.goOn(own))
		}
		select {
		case <-called:
			called = nil
			if err := vm.monitor.Execute(own, "migrate_cancel", nil, nil); err != nil {
				return m.sent(), vm.explain(err)
			}
		case <-vm.migrated:
		case <-time.After(sendPoll):
		}
	}
}

// settled waits until the machine is what its migration's status says already, a moment before.
func (vm *VM) settled(ctx context.Context, will Doing) (Sent, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for {
		is, err := vm.Doing(ctx)
		if err != nil {
			return Sent{}, err
		}
		if is == will {
			return vm.Progress(ctx)
		}
		if err := elastic.Sleep(ctx, settlePoll); err != nil {
			return Sent{}, err
		}
	}
}

// Progress is how far the copying is.
func (vm *VM) Progress(ctx context.Context) (Sent, error) {
	m, err := vm.migration(ctx)
	return m.sent(), err
}

// Continue has a guest run that stands still: here behind a copy that nobody runs, or where it came in. Only one of the
// two may ever be asked to; package move says which.
func (vm *VM) Continue(ctx context.Context) error {
	if err := vm.monitor.Execute(ctx, "cont", nil, nil); err != nil {
		return fmt.Errorf("continue guest: %w", vm.explain(err))
	}
	if vm.links.port != nil {
		return nil
	}
	return vm.dialPort(ctx)
}
