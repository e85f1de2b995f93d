package elastictest

import (
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/hvcall"
)

// TestAlonePlainProgramGetsVCPUs: two goroutines of a program that never heard of silo, and whose runtime makes no more
// threads than it sees vCPUs. PID 1 gives it a second one to try, and takes it back when it idles.
func TestAlonePlainProgramGetsVCPUs(t *testing.T) {
	r := boot(t, setup{name: "plain", most: 128 * mib}, "40")
	r.until("one vCPU at the begin", func(_ string, o node.Observation) bool { return o.GrantedMilli == 1000 })
	r.until("a second vCPU under load", func(_ string, o node.Observation) bool {
		return o.GrantedMilli == 2000 && o.Usage.MilliCPU == 2000
	})
	r.until("the end of the load", func(out string, _ node.Observation) bool { return strings.Contains(out, "worked with") })
	r.until("the vCPU back", func(_ string, o node.Observation) bool { return o.GrantedMilli == 1000 && o.Usage.MilliCPU == 1000 })
	if !strings.Contains(r.transcript(), "worked with 2") {
		t.Error(r.transcript())
	}
}

// TestAlonePoolFollowsTheGrant runs the example: its pool is as wide as what is granted while it works. What starts it may be crowd enough
// for a second vCPU already.
func TestAlonePoolFollowsTheGrant(t *testing.T) {
	r := boot(t, setup{name: "../../../examples/batch", most: 128 * mib}, "3000000")
	exit, err := r.wait()
	if err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
	for _, want := range []string{"batch: 2 vCPUs", "216816 primes below 3000000, on at most 2 vCPUs"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("it never said %q\n%s", want, r.transcript())
		}
	}
}

// TestPinnedProgramIsLeftAlone: GOMAXPROCS in the environment stands, is told in the log, and is the demand.
func TestPinnedProgramIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := boot(t, setup{name: "pinned", most: 128 * mib, env: []string{"GOMAXPROCS=1"}})
	exit, err := r.wait()
	if err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 || !strings.Contains(r.out.String(), "GOMAXPROCS is 1, granted 1000") {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
	if !strings.Contains(r.initLog.String(), "GOMAXPROCS is set") {
		t.Errorf("not told in the log\n%s", r.transcript())
	}
	if got := r.most(func(o node.Observation) int64 { return int64(o.GrantedMilli) }); got != 1000 {
		t.Errorf("granted %d thousandths at most", got)
	}
}

// TestAloneGuestOutlivesItsApplicationsSilence: the program hangs up its calls while it has two vCPUs and goes on
// working. It is governed from outside from then on, and the guest ends as it should.
func TestAloneGuestOutlivesItsApplicationsSilence(t *testing.T) {
	r := boot(t, setup{name: "silent", most: 128 * mib})
	r.until("two vCPUs", func(out string, o node.Observation) bool { return o.Usage.MilliCPU == 2000 && o.GrantedMilli == 2000 })
	r.until("the calls hung up", func(out string, _ node.Observation) bool { return strings.Contains(out, "hung up") })
	r.until("the vCPU back", func(_ string, o node.Observation) bool { return o.GrantedMilli == 1000 && o.Usage.MilliCPU == 1000 })
	if err := r.guest.Shutdown(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if exit, err := r.guest.Wait(); err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 {
		t.Errorf("ended by %+v, %v", exit, err)
	}
	t.Log(r.transcript())
}

// TestCrowdedVCPUIsAskedForAhead: two threads of a program that speaks share a vCPU, and the kernel tells. PID 1 asks for another one at
// once, and gives it back when the program does not ask for it.
func TestCrowdedVCPUIsAskedForAhead(t *testing.T) {
	r := boot(t, setup{name: "crowd", most: 128 * mib})
	r.until("one vCPU at rest", func(out string, o node.Observation) bool {
		return strings.Contains(out, "at rest") && o.GrantedMilli == 1000
	})
	r.until("the second thread", func(out string, _ node.Observation) bool { return strings.Contains(out, "two now") })
	r.until("a second vCPU", func(out string, o node.Observation) bool {
		return o.GrantedMilli == 2000 && !strings.Contains(out, "done") // once it is done, it is looked at from outside
	})
	r.until("one again", func(out string, o node.Observation) bool {
		return o.GrantedMilli == 1000 && !strings.Contains(out, "done")
	})
	if exit, err := r.wait(); err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
}
