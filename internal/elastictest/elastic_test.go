package elastictest

import (
	"bytes"
	"context"
	"log/slog"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/vmtesting"
	"github.com/silo-os/silo/internal/vmtesting/built"
)

const mib = 1 << 20

// run is one guest with everything seen of it.
type run struct {
	t     *testing.T
	guest *node.Guest
	begun time.Time // just before it was started

	mu      sync.Mutex
	seen    []node.Observation
	changed chan struct{} // closed and replaced with each observation or output
	out     bytes.Buffer
	initLog bytes.Buffer
	console bytes.Buffer
	hostLog bytes.Buffer // the broker's decisions
}

// launchSlow starts machines on a host that takes so long for each grant.
func launchSlow(delay time.Duration) func(context.Context, vmm.Config) (vmm.Machine, error) {
	return func(ctx context.Context, cfg vmm.Config) (vmm.Machine, error) {
		m, err := vmm.Start(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return vmmtest.NewSlow(m, delay), nil
	}
}

// setup is how a guest is run: an image of testdata/name in 64 MiB and one vCPU.
type setup struct {
	name   string
	most   int64         // bytes at most
	delay  time.Duration // how long the host takes for each grant
	refuse time.Duration // how long a thread may wait; 0 = for ever

	cpu      node.CPU // zero = one vCPU to two
	capacity int64    // of the host, thousandths of a vCPU; 0 = what it has
	env      []string

	templates string // folder of them; "" = none
}

// boot starts a guest.
func boot(t *testing.T, s setup, args ...string) *run {
	t.Helper()
	vmtesting.RequireQEMU(t)
	vmtesting.RequireKernel(t) // says how to get one, and fails on CI
	image := built.Image(t, "./testdata/"+s.name)
	if s.cpu == (node.CPU{}) {
		s.cpu = node.CPU{MinMilli: 1000, MaxMilli: 2000}
	}
	r := &run{t: t, changed: make(chan struct{})}
	log := slog.New(slog.NewTextHandler(writer{r, &r.hostLog}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg := node.Config{Templates: s.templates, Capacity: broker.Capacity{MilliCPU: s.capacity}, Log: log}
	if s.delay > 0 {
		cfg.Launch = launchSlow(s.delay)
	}
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	r.begun = time.Now()
	r.guest, err = n.Start(t.Context(), node.GuestSpec{
		Name: path.Base(s.name), RefuseAfter: s.refuse, Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(), Args: args, Env: s.env,
		Memory: node.Memory{Min: 64 * mib, Max: s.most}, CPU: s.cpu,
		Stdout: writer{r, &r.out}, Stderr: writer{r, &r.out}, InitLog: writer{r, &r.initLog}, Console: writer{r, &r.console},
		Template: s.templates != "", Observer: r.observe, Sample: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type writer struct {
	r   *run
	buf *bytes.Buffer
}

func (w writer) Write(b []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.wake()
	return w.buf.Write(b)
}

func (r *run) observe(o node.Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, o)
	r.wake()
}

func (r *run) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// until waits for the output or the newest observation to be as wanted.
func (r *run) until(what string, ok func(out string, o node.Observation) bool) node.Observation {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 60*time.Second)
	defer cancel()
	for {
		r.mu.Lock()
		var last node.Observation
		if n := len(r.seen); n > 0 {
			last = r.seen[n-1]
		}
		out, changed := r.out.String(), r.changed
		r.mu.Unlock()
		if ok(out, last) {
			return last
		}
		select {
		case <-changed:
		case <-ctx.Done():
			r.t.Fatalf("never came: %s\nlast: %+v\n%s", what, last, r.transcript())
		}
	}
}

// wait ends a guest that does not end by itself, and the test with what is known of it.
func (r *run) wait() (hvcall.Exit, error) {
	r.t.Helper()
	select {
	case <-r.guest.Done():
	case <-time.After(60 * time.Second):
		r.mu.Lock()
		last := r.seen[len(r.seen)-1]
		r.mu.Unlock()
		r.t.Fatalf("the guest does not end\nlast: %+v\n%s", last, r.transcript())
	}
	return r.guest.Wait()
}

func (r *run) transcript() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return "application:\n" + r.out.String() + "\nPID 1:\n" + r.initLog.String() + "\nkernel:\n" + r.console.String() +
		"\nhost:\n" + lastLines(r.hostLog.String(), 60)
}

// lastLines returns the last lines of a text, n at most.
func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

func (r *run) most(of func(node.Observation) int64) (most int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.seen {
		most = max(most, of(o))
	}
	return most
}

// TestGateHoldsInsteadOfKilling: a program that nobody governs from inside takes 300 MiB at once, from a host
// that takes half a second for each grant. Its threads wait, it is told as stalls, and it ends as it would on a large machine.
func TestGateHoldsInsteadOfKilling(t *testing.T) {
	t.Parallel()
	r := boot(t, setup{name: "grab", most: 1024 * mib, delay: 500 * time.Millisecond}, "300")
	exit, err := r.wait()
	if err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
	if !strings.Contains(r.out.String(), "grabbed 300 MiB") {
		t.Error(r.transcript())
	}
	last := r.seen[len(r.seen)-1]
	if last.Usage.Stalls == 0 || last.Usage.Kills != 0 {
		t.Errorf("%d stalls and %d kills: a program that outruns every forecast must wait, and not die", last.Usage.Stalls, last.Usage.Kills)
	}
	if got := r.most(func(o node.Observation) int64 { return o.Granted }); got < 350*mib {
		t.Errorf("granted %d MiB at most", got/mib)
	}
	if m := regexp.MustCompile(`longest gap (\d+) ms`).FindStringSubmatch(r.out.String()); m != nil {
		t.Logf("longest gap of another thread while one waited: %s ms, %v stalled in all", m[1], time.Duration(last.Usage.StallNanos))
	}
}

// TestRefusedAtTheMaximumEndsWithItsCause: more than the guest can ever have is not waited for for ever.
func TestRefusedAtTheMaximumEndsWithItsCause(t *testing.T) {
	t.Parallel()
	r := boot(t, setup{name: "grab", most: 128 * mib}, "300")
	exit, err := r.wait()
	if err != nil || exit.Cause != hvcall.CauseRefused || !strings.Contains(exit.Text, "--memory") {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
}

// TestRefusedInTheTimeThatWasSet: a host that never grants, and an application that shall not wait for ever.
func TestRefusedInTheTimeThatWasSet(t *testing.T) {
	t.Parallel()
	r := boot(t, setup{name: "grab", most: 1024 * mib, delay: time.Hour, refuse: 2 * time.Second}, "300")
	exit, err := r.wait()
	if err != nil || exit.Cause != hvcall.CauseRefused {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
	if got := r.most(func(o node.Observation) int64 { return int64(o.Usage.StallNanos) }); time.Duration(got) < 2*time.Second {
		t.Errorf("ended after %v of waiting, allowed were 2 s", time.Duration(got))
	}
}

// TestLateGrantsAreWaitedFor: each grant comes five seconds late. A heap that grows faster waits, and comes
// through. How long a goroutine that needs no memory stood still is told; bench heap measures it.
func TestLateGrantsAreWaitedFor(t *testing.T) {
	t.Parallel()
	r := boot(t, setup{name: "late", most: 1024 * mib, delay: 5 * time.Second})
	exit, err := r.wait()
	m := regexp.MustCompile(`longest gap (\d+) ms`).FindStringSubmatch(r.out.String())
	if err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 || m == nil {
		t.Fatalf("ended by %+v, %v\n%s", exit, err, r.transcript())
	}
	last := r.seen[len(r.seen)-1]
	if last.Usage.Stalls == 0 || last.Usage.Kills != 0 {
		t.Errorf("%d stalls and %d kills: the load never met its grant, or did not survive it", last.Usage.Stalls, last.Usage.Kills)
	}
	t.Logf("longest gap of a goroutine that allocates nothing: %s ms, %v stalled in %d", m[1], time.Duration(last.Usage.StallNanos), last.Usage.Stalls)
}

// TestAloneHeapAndVCPUsFollowTheProgram: up with the heap without a stall, to two vCPUs with the load, and
// all back when the program drops its data and says nothing; in a guest that booted, and in one that goes on from its template.
func TestAloneHeapAndVCPUsFollowTheProgram(t *testing.T) {
	s := setup{name: "heap", most: 1024 * mib, templates: t.TempDir()}
	for _, saved := range []bool{false, true} {
		r := boot(t, s, "250")
		if r.guest.FromTemplate() != saved {
			t.Fatalf("it goes on from a template: %v", !saved)
		}
		follows(t, r)
	}
}

func follows(t *testing.T, r *run) {
	t.Helper()
	r.until("two vCPUs under load", func(_ string, o node.Observation) bool { return o.GrantedMilli == 2000 && o.Usage.Online == 2 })
	full := r.until("the data dropped", func(out string, _ node.Observation) bool { return strings.Contains(out, "dropped") })
	if !strings.Contains(r.transcript(), "vCPUs at start 2") || !strings.Contains(r.transcript(), "worked with 2") {
		t.Error(r.transcript())
	}
	if full.Usage.Stalls != 0 || full.Usage.Kills != 0 {
		t.Errorf("%d stalls, %d kills on the way up\n%s", full.Usage.Stalls, full.Usage.Kills, r.transcript())
	}
	if got := r.most(func(o node.Observation) int64 { return o.Granted }); got < 300*mib {
		t.Errorf("granted %d MiB at most for 250 MiB of live heap", got/mib)
	}
	back := r.until("the memory and the vCPU back", func(_ string, o node.Observation) bool {
		return o.Granted <= 96*mib && o.Resident < 96*mib && o.GrantedMilli == 1000
	})
	t.Logf("at the end: granted %d MiB, resident %d MiB", back.Granted/mib, back.Resident/mib)
	if err := r.guest.Shutdown(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	exit, err := r.guest.Wait()
	if err != nil || exit.Cause != hvcall.CauseShutdown {
		t.Errorf("ended by %+v, %v", exit, err)
	}
}
