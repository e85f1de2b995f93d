package daemontest

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/memlimit"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/vmtesting"
)

var groupOf = regexp.MustCompile(`/silo-mem-([0-9a-f-]{36})`)

// TestConfined: QEMU has no rights, and a memory cgroup whose maximum leaves room for what it holds beside its guest. The
// figure that is logged is where memlimit.Overhead comes from.
func TestConfined(t *testing.T) {
	vmtesting.RequireQEMU(t)
	vmtesting.RequireKernel(t)
	if os.Geteuid() != 0 {
		t.Skip("to confine a process takes root")
	}
	h := newHost(t)
	h.start("")
	h.create(h.spec("kv", "flood"))
	h.until("kv", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateEnded })
	if err := h.client.Remove(t.Context(), "kv"); err != nil {
		t.Fatal(err)
	}
	g := h.create(h.spec("kv", "wait"))
	h.written("kv", "waiting")
	proc := fmt.Sprintf("/proc/%d/", g.PID)
	read := func(name string) string {
		b, err := os.ReadFile(proc + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, line := range []string{"CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
		if !strings.Contains(read("status"), line) {
			t.Errorf("QEMU's status lacks %q:\n%s", line, read("status"))
		}
	}
	if strings.Contains(read("status"), "Uid:\t0") {
		t.Error("QEMU is root")
	}
	limits := memlimit.Open(memlimit.Config{})
	if limits.Advisory() {
		t.Skip("no memory cgroups can be made here")
	}
	group := groupOf.FindStringSubmatch(read("cgroup"))
	if group == nil {
		t.Fatalf("QEMU is in no group of ours:\n%s", read("cgroup"))
	}
	resident, err := vmm.ResidentOf(g.PID)
	if err != nil {
		t.Fatal(err)
	}
	overhead := limits.Held(group[1]) - resident
	t.Logf("QEMU holds %d MiB beside %d MiB of its guest; Overhead allows %d MiB", overhead>>20, resident>>20, memlimit.Overhead>>20)
	if overhead <= 0 || overhead > memlimit.Overhead/2 {
		t.Errorf("Overhead is %d MiB: it should be at least twice of what is held", memlimit.Overhead>>20)
	}
	h.clean("kv")
}
