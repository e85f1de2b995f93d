package vmtesting_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/vmtesting"
)

func config(t *testing.T, cmdline ...string) vmm.Config {
	t.Helper()
	return vmm.Config{
		Kernel: vmtesting.RequireKernel(t), Initramfs: vmtesting.Initramfs(t, initPackage), Cmdline: cmdline,
		BootMemory: 64 << 20, MaxMemory: 1 << 30, VCPUs: 1,
	}
}

func TestStart(t *testing.T) {
	guest := vmtesting.Start(t, config(t))
	guest.AwaitConsole("silotest: ready")
	if _, err := fmt.Fprintln(guest.Port, "ping"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(guest.Port)
	if answer, err := in.ReadString('\n'); answer != "pong\n" || err != nil {
		t.Errorf("guest answered %q, %v", answer, err)
	}
	var status struct{ Running bool }
	if err := guest.QMP.Execute(t.Context(), "query-status", nil, &status); err != nil || !status.Running {
		t.Errorf("running = %v, %v", status.Running, err)
	}
	fmt.Fprintln(guest.Port, "say one\nsay two\npoweroff")
	if got := guest.AwaitConsole("tw"); got != "two" {
		t.Errorf("console = %q", got)
	}
	guest.Wait()
	if console := guest.Console(); !slices.Contains(console, "one") {
		t.Errorf("console = %q", console)
	}
}

func TestFailures(t *testing.T) {
	idle, panics := config(t), config(t, "silotest=panic")
	broken := idle
	broken.Kernel = os.Args[0]
	invalid := idle
	invalid.VCPUs = 0
	tests := []struct {
		name  string
		life  time.Duration
		test  func(testing.TB)
		words []string
	}{
		{"panic", time.Minute, func(t testing.TB) { vmtesting.Start(t, panics).Wait() },
			[]string{"the guest panicked", "Kernel panic - not syncing", "qemu-system-x86_64 -name", "-chardev stdio"}},
		{"panic awaited", time.Minute, func(t testing.TB) { vmtesting.Start(t, panics).AwaitConsole("no such line") },
			[]string{`the console never said "no such line"`, "about to panic"}},
		{"hangs", 10 * time.Second, func(t testing.TB) { vmtesting.Start(t, idle).Wait() },
			[]string{"still ran when the test's time was over", "silotest: ready"}},
		{"does not start", time.Minute, func(t testing.TB) { vmtesting.Start(t, broken) },
			[]string{"start guest", "qemu"}},
		{"misconfigured", time.Minute, func(t testing.TB) { vmtesting.Start(t, invalid) },
			[]string{"VCPUs: 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			said, failed := record(t, time.Now().Add(tt.life), tt.test)
			if !failed {
				t.Error("the test did not fail")
			}
			for _, words := range tt.words {
				if !strings.Contains(said, words) {
					t.Errorf("%q is not said in:\n%s", words, said)
				}
			}
		})
	}
}

// A test that ends while its guest runs takes the guest with it.
func TestEndOfTest(t *testing.T) {
	cfg := config(t)
	var guest *vmtesting.Guest
	if said, failed := record(t, noLimit, func(t testing.TB) { guest = vmtesting.Start(t, cfg) }); failed {
		t.Errorf("it failed:\n%s", said)
	}
	select {
	case <-guest.Ended():
	default:
		t.Error("the guest outlives its test")
	}
}
