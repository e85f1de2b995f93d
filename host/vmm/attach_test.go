package vmm_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm"
)

// detached is a guest that outlives its starter. Its QEMU has no rights where the tests have them all.
func detached(t *testing.T, cmdline ...string) vmm.Config {
	t.Helper()
	cfg := config(t, cmdline...)
	cfg.Accel = accel(t)
	cfg.Detached = &vmm.Detached{Dir: t.TempDir(), UUID: uuid.NewString()}
	if os.Geteuid() == 0 {
		cfg.RunAs = &vmm.User{UID: 65534, GID: 65534}
	}
	t.Cleanup(func() {
		if err := vmm.KillDetached(cfg.Detached.UUID); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

// abandoned starts a machine in another process and kills that.
func abandoned(t *testing.T, cfg vmm.Config) {
	t.Helper()
	parent, _ := startElsewhere(t, cfg)
	_ = parent.Process.Kill()
	_ = parent.Wait() // it was killed
}

func attach(t *testing.T, cfg vmm.Config) *vmm.VM {
	t.Helper()
	vm, err := vmm.Attach(within(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	return vm
}

// TestAttach: a machine goes on without its starter and obeys the next one as it did the first.
func TestAttach(t *testing.T) {
	t.Parallel()
	cfg := detached(t)
	abandoned(t, cfg)
	vm := attach(t, cfg)
	g := talk(t, vm)
	if now, err := vm.Resize(within(t), 256<<20); err != nil || now != 256<<20 {
		t.Errorf("resize: %d, %v", now, err)
	}
	if n, err := vm.Requested(within(t)); err != nil || n != 256<<20 {
		t.Errorf("requested: %d, %v", n, err)
	}
	if n, err := vm.Resident(); err != nil || n == 0 {
		t.Errorf("resident: %d, %v", n, err)
	}
	g.ask("say to the console")
	if g.ask("ping"); !slices.Contains(vm.ConsoleTail(), "to the console") {
		t.Errorf("console: %q", vm.ConsoleTail())
	}
	g.ask("poweroff")
	if exit := ended(t, vm); exit.Cause != vmm.CauseGuestShutdown {
		t.Errorf("exit = %v", exit)
	}
	if _, err := vmm.Attach(within(t), cfg); !errors.Is(err, vmm.ErrNotRunning) {
		t.Errorf("attach after the end: %v", err)
	}
}

// TestAttachedKilled: the end of a QEMU that nobody waits for is seen, and its status is not made up.
func TestAttachedKilled(t *testing.T) {
	t.Parallel()
	cfg := detached(t)
	abandoned(t, cfg)
	vm := attach(t, cfg)
	if err := unix.Kill(vm.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exit := ended(t, vm)
	if exit.Cause != vmm.CauseKilled || !strings.Contains(exit.Error(), "nobody saw it end") {
		t.Errorf("exit = %v", exit)
	}
}

// TestDetachedStart: the first owner controls it as it would any other, and only root could open what is in its folder.
func TestDetachedStart(t *testing.T) {
	t.Parallel()
	cfg := detached(t)
	confined := 0
	cfg.Confine = func(pid int) error { confined = pid; return nil }
	vm := start(t, cfg)
	talk(t, vm)
	if confined != vm.PID() {
		t.Errorf("confined %d, is %d", confined, vm.PID())
	}
	entries, err := os.ReadDir(cfg.Detached.Dir)
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if cfg.RunAs != nil {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(vm.PID()) + "/status")
		if err != nil || !strings.Contains(string(status), "Uid:\t65534\t65534\t65534\t65534") {
			t.Errorf("qemu does not run as nobody: %v\n%s", err, status)
		}
	}
}

// TestConfineFails: a machine that cannot be confined does not run.
func TestConfineFails(t *testing.T) {
	t.Parallel()
	cfg := detached(t)
	cfg.Confine = func(int) error { return errors.New("no such cgroup") }
	contains(t, fails(t, within(t), cfg), "no such cgroup")
}

// TestAttachToAnother: who listens on the machine's socket is not believed to be the machine.
func TestAttachToAnother(t *testing.T) {
	t.Parallel()
	cfg := detached(t)
	l, err := net.Listen("unix", filepath.Join(cfg.Detached.Dir, "qmp.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := vmm.Attach(within(t), cfg); !errors.Is(err, vmm.ErrNotOurs) {
		t.Errorf("attach: %v", err)
	}
}

// TestKillDetached ends a machine that only its id is known of.
func TestKillDetached(t *testing.T) {
	t.Parallel()
	cfg := detached(t)
	abandoned(t, cfg)
	if err := vmm.KillDetached(cfg.Detached.UUID); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := vmm.Attach(within(t), cfg); errors.Is(err, vmm.ErrNotRunning) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it still runs")
		}
	}
	if err := vmm.KillDetached(cfg.Detached.UUID); err != nil {
		t.Error(err)
	}
}
