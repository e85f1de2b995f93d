package elastictest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"github.com/silo-os/silo/host/node"
)

// vcpuSeconds is the processor time of a guest's vCPUs, by the names that QEMU gives to their threads.
func vcpuSeconds(t *testing.T, pid int) (seconds float64) {
	t.Helper()
	threads, err := procfs.AllThreads(pid)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, th := range threads {
		st, err := th.Stat()
		if err != nil {
			continue // a helper thread that has just ended
		}
		if strings.HasPrefix(st.Comm, "CPU ") {
			seconds += st.CPUTime()
			n++
		}
	}
	if n == 0 {
		t.Fatal("no thread is named as a vCPU")
	}
	return seconds
}

// used is how many processors a guest's vCPUs used over a time.
func used(t *testing.T, r *run, d time.Duration) float64 {
	t.Helper()
	before, begin := vcpuSeconds(t, r.guest.PID()), time.Now()
	time.Sleep(d)
	return (vcpuSeconds(t, r.guest.PID()) - before) / time.Since(begin).Seconds()
}

// TestAloneQuarter: a guest that may have a quarter of a vCPU knows it, and however busy it is uses no more. It goes on from where one with a
// whole vCPU stood, because a quarter of one takes seconds to boot.
func TestAloneQuarter(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("quotas are for who may write cgroups: run it as root")
		}
		t.Skip("quotas are for who may write cgroups: run it as root")
	}
	s := setup{name: "spin", most: 64 * mib, cpu: node.CPU{MinMilli: 1000, MaxMilli: 1000}, templates: t.TempDir()}
	whole := boot(t, s)
	<-whole.guest.Said()
	whole.guest.Kill()
	<-whole.guest.Done()
	s.cpu = node.CPU{MinMilli: 250, MaxMilli: 250}
	r := boot(t, s)
	if !r.guest.FromTemplate() {
		t.Error("it booted")
	}
	o := r.until("the program to know its quarter", func(out string, o node.Observation) bool {
		return strings.Contains(out, "granted 250") && o.Usage.MilliCPU == 250
	})
	if o.GrantedMilli != 250 || o.Advisory || o.Usage.GoMaxProcs > 1 {
		t.Errorf("observed %+v", o)
	}
	got := used(t, r, 2*time.Second)
	if got < 0.15 || got > 0.35 {
		t.Errorf("used %.3f processors of 0.25", got)
	}
	if o := r.guest.Observe(); o.UsedMilli < 150 || o.UsedMilli > 350 || o.Steal > 500 {
		t.Errorf("measured: %d thousandths used, %d stolen", o.UsedMilli, o.Steal)
	}
	t.Logf("used %.3f processors of 0.25", got)
}

// TestAloneFractionGrows: one that may have more than its quarter gets it when it is busy, and others' guarantees bound it.
func TestAloneFractionGrows(t *testing.T) {
	r := boot(t, setup{name: "spin", most: 64 * mib, cpu: node.CPU{MinMilli: 250, MaxMilli: 2000}, capacity: 1500})
	o := r.until("one and a half vCPUs", func(out string, o node.Observation) bool {
		return strings.Contains(out, "granted 1500") && o.Usage.MilliCPU == 1500
	})
	if o.GrantedMilli != 1500 || o.Usage.Online != 2 {
		t.Errorf("observed %+v", o)
	}
	r.until("both in use", func(_ string, o node.Observation) bool { return o.Usage.GoMaxProcs == 2 })
}
