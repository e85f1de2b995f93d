package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
	"github.com/silo-os/silo/internal/lockedbuf"
)

// movingVM is a machine that is found in the middle of a move.
type movingVM struct {
	*vmmtest.VM
	doing      vmm.Doing
	noContinue error // what setting it running again fails with; nil = it does not
	noThreads  error // what finding its threads fails with
	noCameIn   error // what waiting for a guest to come in fails with
}

func (m *movingVM) Send(context.Context, vmm.Sending) (vmm.Sent, error) { return vmm.Sent{}, nil }
func (m *movingVM) AwaitSent(context.Context) (vmm.Sent, error)         { return vmm.Sent{}, nil }
func (m *movingVM) AllowDowntime(context.Context, time.Duration) error  { return nil }
func (m *movingVM) Continue(context.Context) error                      { return m.noContinue }
func (m *movingVM) Doing(context.Context) (vmm.Doing, error)            { return m.doing, nil }
func (m *movingVM) StandsStill(context.Context) (bool, error)           { return false, nil }
func (m *movingVM) Receive(context.Context, string, vmm.Identity, bool) (vmm.Sending, error) {
	return vmm.Sending{}, nil
}
func (m *movingVM) CameIn(context.Context) error             { return m.noCameIn }
func (m *movingVM) Requested(context.Context) (int64, error) { return 64 * mib, nil }
func (m *movingVM) VCPUThreads(ctx context.Context) ([]int, error) {
	if m.noThreads != nil {
		return nil, m.noThreads
	}
	return m.VM.VCPUThreads(ctx)
}

// takeUpLeaving opens a daemon that finds guest a, which was on its way to a host that cannot be reached, with a machine as attach
// returns it, and calls check with it.
func takeUpLeaving(t *testing.T, attach func(context.Context, *movingVM) error, vm *movingVM, check func(*testing.T, *Daemon, *lockedbuf.Buffer)) {
	t.Helper()
	r := placed("a", nodeapi.StateRunning)
	r.Leaving = &leaving{ID: "m-1", To: "b"}
	dir := stored(t, r)
	synctest.Test(t, func(t *testing.T) {
		vm.VM = vmmtest.New(vmmtest.Config{BootMemory: 64 * mib, MaxMemory: 256 * mib, VCPUs: 2})
		log := &lockedbuf.Buffer{}
		d, err := Open(t.Context(), Config{
			Dir: dir, Capacity: broker.Capacity{Memory: 1024 * mib, MilliCPU: 8000}, Log: slog.New(slog.NewTextHandler(log, nil)),
			Hold: func(int, []int) node.Share { return noShare{} },
			Attach: func(ctx context.Context, _ vmm.Config) (Attached, error) {
				return Attached{Machine: vm, Plugged: 64 * mib, Requested: 64 * mib}, attach(ctx, vm)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { d.Leave(); d.node.Close() }()
		check(t, d, log)
	})
}

func atOnce(context.Context, *movingVM) error { return nil }

// inDoubt fails the test unless nobody knows where guest a runs.
func inDoubt(t *testing.T, d *Daemon) {
	t.Helper()
	if g, err := d.Guest("a"); err != nil || g.Move == nil || g.Move.State != string(move.StateSwitching) {
		t.Fatalf("%+v, %v", g.Move, err)
	}
}

// killed fails the test unless guest a ends when it is killed, with a text.
func killed(t *testing.T, d *Daemon, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g, err := d.Kill(ctx, "a")
	if err != nil || g.State != nodeapi.StateEnded || g.Exit == nil || !strings.Contains(g.Exit.Text, text) {
		t.Fatalf("%s, %+v, %v", g.State, g.Exit, err)
	}
	if m := g.Move; m == nil || m.State != string(move.StateEnded) || m.Cause != string(move.CauseGivenUp) {
		t.Errorf("%+v", m)
	}
}

// TestKillInDoubt: a guest of which nobody knows where it runs can be ended here; until then, why is said once.
func TestKillInDoubt(t *testing.T) {
	takeUpLeaving(t, atOnce, &movingVM{doing: vmm.Still}, func(t *testing.T, d *Daemon, log *lockedbuf.Buffer) {
		time.Sleep(10 * time.Second)
		inDoubt(t, d)
		if n := strings.Count(log.String(), "destination not asked"); n != 1 {
			t.Errorf("told %d times that the destination is not asked", n)
		}
		killed(t, d, "may run on b")
	})
}

// TestNotTakenUpInDoubt: a guest that may run elsewhere is asked for there when it cannot be taken up here.
func TestNotTakenUpInDoubt(t *testing.T) {
	takeUpLeaving(t, atOnce, &movingVM{doing: vmm.Still, noThreads: errors.New("no threads")}, func(t *testing.T, d *Daemon, _ *lockedbuf.Buffer) {
		time.Sleep(time.Second)
		inDoubt(t, d)
		killed(t, d, "could not be taken up")
	})
}

// TestNotSetRunningAgain: a guest that stays and cannot be set running is ended, and why is told.
func TestNotSetRunningAgain(t *testing.T) {
	takeUpLeaving(t, atOnce, &movingVM{doing: vmm.Copies, noContinue: errors.New("out of order")}, func(t *testing.T, d *Daemon, _ *lockedbuf.Buffer) {
		exit, err := d.Wait(t.Context(), "a")
		if err != nil || !strings.Contains(exit.Text, "could not be set running again: out of order") {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}

// TestBusyMachineIsTakenUp: a machine that does not answer for a while is waited for, and one that never does is not.
func TestBusyMachineIsTakenUp(t *testing.T) {
	for name, c := range map[string]struct {
		tries int // that are not answered
		ends  bool
	}{"busy": {3, false}, "silent": {100, true}} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			takeUpLeaving(t, func(ctx context.Context, _ *movingVM) error {
				if tries++; tries > c.tries {
					return nil
				}
				<-ctx.Done()
				return context.Cause(ctx)
			}, &movingVM{doing: vmm.Runs}, func(t *testing.T, d *Daemon, log *lockedbuf.Buffer) {
				time.Sleep(10 * time.Second)
				g, err := d.Guest("a")
				if stays := g.Move != nil && g.Move.State == string(move.StateStayed); err != nil || stays == c.ends {
					t.Errorf("%+v, %v", g.Move, err)
				}
				if n := strings.Count(log.String(), "it is asked again"); n > 2 { // once of the machine, once of the destination
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}
