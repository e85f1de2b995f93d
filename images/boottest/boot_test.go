// Package boottest boots the guest kernel of package images and sees that it does what its
// fragments and patches are for.
package boottest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/images/initramfs"
	"github.com/silo-os/silo/internal/vmtesting"
)

const mib = 1 << 20

// ticks is how often a second the kernel is configured to tick.
func ticks(t *testing.T) int {
	t.Helper()
	fragment, err := os.ReadFile("../kernel/00-machine.config")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^CONFIG_HZ_(\d+)=y$`).FindSubmatch(fragment)
	if found == nil {
		t.Fatal("the kernel's configuration says nothing of its ticks")
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// boot is the smallest memory a guest boots with.
const boot = 48 * mib

// guest is a booted prober.
type guest struct {
	*vmm.VM
	t     *testing.T
	lines *bufio.Scanner
}

// start boots a prober and waits until it listens.
func start(t *testing.T, cfg vmm.Config) *guest {
	t.Helper()
	g := begin(t, cfg)
	g.ready()
	return g
}

// begin has a prober boot.
func begin(t *testing.T, cfg vmm.Config) *guest {
	t.Helper()
	cfg.Kernel, cfg.Initramfs = vmtesting.RequireKernel(t), archive(t)
	cfg.Binary, cfg.Name = vmtesting.RequireQEMU(t), t.Name()
	cfg.Cmdline = images.Cmdline()
	vm, err := vmm.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{vm, t, bufio.NewScanner(vm.Port())}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Log(vm.Err().Report())
		}
	})
	vm.Port().SetDeadline(time.Now().Add(2 * time.Minute))
	return g
}

// ready waits until the prober listens.
func (g *guest) ready() {
	g.t.Helper()
	if got := g.read(); got != "ready" {
		g.t.Fatalf("guest said %q", got)
	}
}

// program is the prober, built once for all tests.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "prober")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "./testdata/prober")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build prober: %w\n%s", err, out)
	}
	return path, nil
})

// scratch is a folder that lives as long as the tests.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "boottest")
	if err != nil {
		panic(err)
	}
	scratch = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// archive returns an archive in which the prober is both PID 1 and the application.
func archive(t *testing.T) string {
	t.Helper()
	prober, err := program()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "initramfs.cpio"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := initramfs.Write(f, initramfs.Content{Init: prober, App: prober}); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func (g *guest) read() string {
	g.t.Helper()
	if !g.lines.Scan() {
		g.t.Fatalf("guest is silent: %v", g.lines.Err())
	}
	return g.lines.Text()
}

// ask gives the prober an order and returns its answer.
func (g *guest) ask(order string, args ...any) string {
	g.t.Helper()
	fmt.Fprintf(g.Port(), order+"\n", args...)
	return g.read()
}

// resize changes the guest's memory and returns what came of it.
func (g *guest) resize(total int64) int64 {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	now, err := g.Resize(ctx, total)
	if err != nil && ctx.Err() == nil {
		g.t.Fatal(err)
	}
	return now
}

// memTotal is the memory that the guest has, memFree what of it is free, bytes.
func (g *guest) memTotal() int64 { g.t.Helper(); return g.meminfo(1) }
func (g *guest) memFree() int64  { g.t.Helper(); return g.meminfo(4) }

// meminfo is one of the words of /proc/meminfo, a number of KiB.
func (g *guest) meminfo(word int) int64 {
	g.t.Helper()
	fields := strings.Fields(g.ask("cat /proc/meminfo"))
	kib, err := strconv.ParseInt(fields[word], 10, 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return kib << 10
}

// residentBelow waits until the host holds less than limit bytes of the guest.
func (g *guest) residentBelow(limit int64, within time.Duration) {
	g.t.Helper()
	var resident int64
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var err error
		if resident, err = g.Resident(); err != nil {
			g.t.Fatal(err)
		}
		if resident < limit {
			return
		}
	}
	g.t.Errorf("%d MiB resident after %v, want less than %d", resident/mib, within, limit/mib)
}

func TestKernelHasWhatGuestsNeed(t *testing.T) {
	g := start(t, vmm.Config{BootMemory: boot, MaxMemory: boot + 1024*mib, VCPUs: 4})
	for _, c := range []struct{ order, want string }{
		{"sockets", "."}, {"calls", "."},
		{"cat /proc/filesystems", "ext4"},
		{"cat /run/memory/memory.oom_control", "oom_kill_disable"},
		{"mkdir /run/memory/app", "ok"},
		{"write /run/memory/app/memory.oom_control 1", "ok"},
		{"write /run/memory/app/memory.limit_in_bytes 67108864", "ok"},
		{"mkdir /run/freezer/app", "ok"}, {"write /run/freezer/app/freezer.state FROZEN", "ok"},
		{"cat /run/cpu/cpu.cfs_quota_us", "-1"}, {"cat /run/pids/cgroup.procs", "1"},
		{"cat /proc/pressure/memory", "some avg10"},
		{"count /sys/bus/pci/drivers/pvpanic-pci/0000:*", "1"},
		{"count /sys/bus/virtio/drivers/virtio_mem/virtio*", "1"},
		{"count /sys/bus/virtio/drivers/virtio_balloon/virtio*", "1"},
		{"count /sys/bus/virtio/drivers/virtio_net/virtio*", "1"},
		{"count /sys/bus/virtio/drivers/virtio_rng/virtio*", "1"},
		{"count /sys/firmware/acpi", "0"},
		{"cat /sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"},
		{"cat /sys/module/page_reporting/parameters/page_reporting_order", "4"},
		{"cat /proc/cmdline", "rcu_expedited"},
		{"cat /proc/cmdline", fmt.Sprint(" lpj=", 3_000_000_000/ticks(t))}, // host/vmm knows nothing of the kernel's clock
	} {
		if got := g.ask("%s", c.order); !strings.Contains(got, c.want) || strings.Contains(got, "failed:") {
			t.Errorf("%s: %q, want %q in it", c.order, got, c.want)
		}
	}
	if got, want := g.ask("sum /app/main"), sum(t); got != want {
		t.Errorf("the application's content is %s in the guest, want %s", got, want)
	}
	for n := 1; n <= 3; n++ {
		online := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", n)
		for _, to := range []string{"1", "0", "1"} {
			if got := g.ask("write %s %s", online, to); got != "ok" {
				t.Errorf("processor %d to %s: %s", n, to, got)
			}
		}
	}
	if got := g.ask("cat /sys/devices/system/cpu/online"); strings.TrimSpace(got) != "0-3" {
		t.Errorf("processors online %q", got)
	}
	fmt.Fprintln(g.Port(), "off")
	select {
	case <-g.Done():
	case <-time.After(time.Minute):
		t.Fatal("the guest does not switch off")
	}
	if err := g.Err(); err.Cause != vmm.CauseGuestShutdown {
		t.Errorf("ended by %v, want the guest switched off", err)
	}
}

// sum is the digest of the prober.
func sum(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// TestKernelGrowsAndReturns: from the smallest guest to 8 GiB in one go, used, given back but for a page here and there, and back.
func TestKernelGrowsAndReturns(t *testing.T) {
	const large = boot + 8192*mib
	g := start(t, vmm.Config{BootMemory: boot, MaxMemory: large, VCPUs: 1})
	if got := g.ask("cat /sys/kernel/mm/transparent_hugepage/enabled"); !strings.Contains(got, "[never]") {
		t.Errorf("huge pages %q in a small guest, want none", got)
	}
	if got := g.resize(large); got != large {
		t.Fatalf("grew to %d MiB, want %d", got/mib, large/mib)
	}
	for end := time.Now().Add(30 * time.Second); g.memTotal() < 8000*mib; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d MiB online", g.memTotal()/mib)
		}
	}
	if got := g.ask("cat /sys/kernel/mm/transparent_hugepage/enabled"); !strings.Contains(got, "[always]") {
		t.Errorf("huge pages %q once grown, want always", got)
	}
	var movable, normal int
	zones := g.ask("zones")
	if _, err := fmt.Sscanf(zones, "map[Movable:%d Normal:%d]", &movable, &normal); err != nil || movable < 2*normal {
		t.Errorf("blocks in %s, want most of them movable and some for the kernel", zones)
	}
	if got := g.ask("touch 1024"); got != "ok" {
		t.Error(got)
	}
	if resident, err := g.Resident(); err != nil || resident < 1024*mib {
		t.Errorf("%d MiB resident, %v; want what was touched", resident/mib, err)
	}
	used := g.memTotal() - g.memFree()
	if got := g.ask("thin"); got != "ok" {
		t.Error(got)
	}
	for end := time.Now().Add(30 * time.Second); g.memTotal()-g.memFree() > used-900*mib; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) { // huge pages of which a little is left were not split
			t.Fatalf("%d MiB in use after 1 GiB was given back of %d", (g.memTotal()-g.memFree())/mib, used/mib)
		}
	}
	// 64 KiB come at once, but where a page was left.
	const most = 1024*mib/(64<<10) + 512*16
	if faults, err := strconv.Atoi(g.ask("again")); err != nil || faults > most {
		t.Errorf("%d page faults until 1 GiB was there again, want at most %d; %v", faults, most, err)
	}
	g.ask("free")
	g.residentBelow(768*mib, 30*time.Second) // the kernel reports free pages by itself
	if got := g.resize(boot); got > boot+32*mib {
		t.Errorf("%d MiB still plugged", (got-boot)/mib)
	}
	g.residentBelow(64*mib, 30*time.Second)
}

// TestSmallGuestStaysSmall: what the host holds of a guest that does nothing.
func TestSmallGuestStaysSmall(t *testing.T) {
	g := start(t, vmm.Config{BootMemory: boot, MaxMemory: boot, VCPUs: 1})
	g.residentBelow(24*mib, 30*time.Second)
}

// TestImageBoots: what Build makes starts, and its PID 1 speaks.
func TestImageBoots(t *testing.T) {
	if _, err := images.FindKernel(images.KernelConfig{}); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("this test boots an image: %v", err)
		}
		t.Skipf("this test boots an image: %v: run: go run mage.go kernel", err)
	}
	img, err := images.Build(t.Context(), images.Config{Package: "../../examples/hello"})
	if err != nil {
		t.Fatal(err)
	}
	vm, err := vmm.Start(t.Context(), vmm.Config{
		Kernel: img.KernelPath(), Initramfs: img.InitramfsPath(), Binary: vmtesting.RequireQEMU(t), Name: t.Name(),
		Cmdline: images.Cmdline(), BootMemory: boot, MaxMemory: boot, VCPUs: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	vm.Port().SetDeadline(time.Now().Add(time.Minute))
	if _, err := vm.Port().Read(make([]byte, 1)); err != nil {
		t.Errorf("PID 1 says nothing: %v\n%s", err, vm.Err().Report())
	}
}
