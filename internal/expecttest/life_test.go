package expecttest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/vmtesting"
	"github.com/silo-os/silo/internal/vmtesting/built"
)

// life starts the server and waits until PID 1 says that it serves, which the server itself does not.
func life(t *testing.T, n *node.Node, change func(*node.GuestSpec)) (*node.Guest, *output) {
	t.Helper()
	vmtesting.RequireQEMU(t)
	vmtesting.RequireKernel(t)
	image := built.Image(t, "./testdata/life")
	out := &output{said: make(chan struct{})}
	spec := node.GuestSpec{
		Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(), Memory: node.Memory{Min: 64 * mib, Max: 256 * mib},
		CPU: node.CPU{MinMilli: 1000, MaxMilli: 2000}, Ports: []vmm.Forward{{GuestPort: 8080}},
		Readiness: &hvcall.Probe{Port: 8080, Path: "/healthz", EveryMS: 50},
		Stdout:    out, Stderr: out, InitLog: out, Console: out,
	}
	change(&spec)
	g, err := n.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.Ready():
	case <-g.Done():
		exit, err := g.Wait()
		t.Fatalf("ended by %+v, %v\n%s", exit, err, out)
	case <-time.After(time.Minute):
		t.Fatalf("never ready\n%s", out)
	}
	return g, out
}

// tell asks for path until the guest answers: on a busy host a connection may take longer than anybody waits.
func tell(t *testing.T, g *node.Guest, path string) {
	t.Helper()
	client := http.Client{Timeout: 2 * time.Second}
	for end := time.Now().Add(time.Minute); ; {
		resp, err := client.Get("http://" + g.Forwards()[0].HostAddr() + path)
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

func newNode(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.New(node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// TestLifeOfAServer: ready by a probe, looked at from outside, and ended with the time that it has.
func TestLifeOfAServer(t *testing.T) {
	t.Parallel()
	g, out := life(t, newNode(t), func(s *node.GuestSpec) {
		s.Liveness, s.Watchdog = &hvcall.Probe{Port: 8080, EveryMS: 200}, 10*time.Second
		s.AnswerWithin = 5 * time.Second // which it does
	})
	for kind, want := range map[hvcall.ProfileKind]string{
		hvcall.ProfileStack: "net/http.(*Server).Serve(", hvcall.ProfileHeap: "alloc_space", hvcall.ProfileCPU: "cpu",
	} {
		data, err := g.Profile(t.Context(), hvcall.Profile{Kind: kind, Millis: 300})
		if err != nil {
			t.Fatalf("%s: %v\n%s", kind, err, out)
		}
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if text, err := io.ReadAll(z); err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s: %d bytes, %v, without %q", kind, len(text), err, want)
		}
	}
	if err := g.Shutdown(t.Context(), 20*time.Second); err != nil {
		t.Error(err)
	}
	if exit, err := g.Wait(); err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 0 || !strings.Contains(out.String(), "asked to end, with 18 s") {
		t.Errorf("ended by %+v, %v\n%s", exit, err, out)
	}
}

// TestWhatHangsIsEnded: by its liveness probe, with the stacks that say why; and by its watchdog, when nothing of it runs.
func TestWhatHangsIsEnded(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for path, c := range map[string]struct {
		change      func(*node.GuestSpec)
		text, trace string
		code        int
	}{
		"/hang": {func(s *node.GuestSpec) {
			s.Liveness = &hvcall.Probe{Port: 8080, Path: "/healthz", EveryMS: 200, WithinMS: 500, Failures: 2}
		}, "liveness probe failed 2 times", "main.hangs(", 2},
		"/stop": {func(s *node.GuestSpec) { s.Watchdog = 2 * time.Second }, "answered no heartbeat for 2s", "", 137},
	} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			g, out := life(t, n, c.change)
			tell(t, g, path)
			select {
			case <-g.Done():
			case <-time.After(30 * time.Second):
				t.Fatalf("%s: it hangs, and is not ended\n%s", path, out)
			}
			exit, err := g.Wait()
			if err != nil || exit.Cause != hvcall.CauseHung || exit.Code != c.code || !strings.Contains(exit.Text, c.text) || !strings.Contains(exit.Trace, c.trace) {
				t.Errorf("%s: ended by %s %d %q, %v\ntrace: %s\n%s", path, exit.Cause, exit.Code, exit.Text, err, exit.Trace, out)
			}
		})
	}
}

// TestSilentGuestIsEnded: one whose first process has stopped says nothing of it to anybody.
func TestSilentGuestIsEnded(t *testing.T) {
	t.Parallel()
	const within = 5 * time.Second
	g, out := life(t, newNode(t), func(s *node.GuestSpec) { s.AnswerWithin = within })
	select {
	case <-g.Done():
		t.Fatalf("ended although it answers\n%s", out)
	case <-time.After(2 * within):
	}
	tell(t, g, "/stun")
	select {
	case <-g.Done():
	case <-time.After(6 * within):
		t.Fatalf("it is silent, and is not ended\n%s", out)
	}
	exit, err := g.Wait()
	if err != nil || exit.Cause != hvcall.CauseSilent || exit.Code != node.CodeSilent || exit.Text != "it answered nothing for 5s" {
		t.Errorf("ended by %+v, %v\n%s", exit, err, out)
	}
}
