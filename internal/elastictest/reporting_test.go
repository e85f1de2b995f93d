package elastictest

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/hvcall"
)

// envSlow has this program slow down the machine of that process, and do nothing else. The test cannot do it: what a thread that it
// traces says at its end would not reach who waits for the machine.
const envSlow = "SILO_TEST_SLOW"

func TestMain(m *testing.M) {
	if pid, err := strconv.Atoi(os.Getenv(envSlow)); err == nil {
		if err := slow(pid, 60*time.Millisecond, 15*time.Millisecond); err != nil && err != unix.ESRCH && err != unix.ECHILD {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// slow has a machine's first thread, which does what the guest asks of its devices, stand still for a while and run for another, in
// turn, until the machine or this process ends. Its processors run on.
func slow(pid int, still, run time.Duration) error {
	runtime.LockOSThread() // whoever traces is a thread
	if err := unix.PtraceSeize(pid); err != nil {
		return err
	}
	for {
		if err := unix.PtraceInterrupt(pid); err != nil {
			return err
		}
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); err != nil || !ws.Stopped() {
			return err
		}
		time.Sleep(still)
		signal := 0
		if s := ws.StopSignal(); s != unix.SIGTRAP {
			signal = int(s) // which it was about to take
		}
		if err := unix.PtraceCont(pid, signal); err != nil {
			return err
		}
		time.Sleep(run)
	}
}

// TestFreeMemoryIsThereWhileTheHostIsTold: a busy host takes its time to hear which pages are free. They are nobody's meanwhile, so
// it is told of few at a time: PID 1 took a guest for full, and the kernel killed for want of memory.
func TestFreeMemoryIsThereWhileTheHostIsTold(t *testing.T) {
	t.Parallel()
	r := boot(t, setup{name: "watch", most: 64 * mib})
	r.until("freed", func(out string, _ node.Observation) bool { return strings.Contains(out, "freed") })
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = append(os.Environ(), envSlow+"="+strconv.Itoa(r.guest.PID())), os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exit, err := r.wait()
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() > 0 {
		t.Error("the host was not slowed down:", err)
	}
	if err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
	m := regexp.MustCompile(`free: (\d+) to (\d+) KiB`).FindStringSubmatch(r.out.String())
	if m == nil {
		t.Fatal(r.transcript())
	}
	t.Log(m[0])
	least, _ := strconv.Atoi(m[1])
	most, _ := strconv.Atoi(m[2])
	if out := most - least; out > 8<<10 {
		t.Errorf("%d KiB of %d were out at once", out, most)
	}
}
