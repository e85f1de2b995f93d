package daemontest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/daemon"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/vmtesting"
)

// A run of this test binary with dirEnv set is a node in that folder; at the point that pointEnv names, it is killed as
// by kill -9.
const (
	dirEnv   = "DAEMON_TEST_DIR"
	pointEnv = "DAEMON_TEST_POINT"
)

func TestMain(m *testing.M) {
	beQEMU()
	if dir := os.Getenv(dirEnv); dir != "" {
		if err := serve(dir, os.Getenv(pointEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func serve(dir, point string) error {
	d, err := daemon.Open(context.Background(), daemon.Config{
		Dir: filepath.Join(dir, "state"), Capacity: broker.Capacity{Memory: 1 << 30, MilliCPU: 4000},
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		At: func(p string) {
			if p == point {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		},
	})
	if err != nil {
		return err
	}
	l, err := daemon.ListenUnix(filepath.Join(dir, "node.sock"))
	if err != nil {
		return err
	}
	return d.Serve(context.Background(), l)
}

// patience is how long a test waits for what takes a guest a tenth of it.
const patience = 60 * time.Second

// host is a folder with a node in a process of its own.
type host struct {
	t      *testing.T
	dir    string
	client *nodeapi.Client
	cmd    *exec.Cmd
	ended  chan struct{}
	words  *bytes.Buffer
	fake   string // folder with a fake QEMU; "" = it is the real one
}

// onBoth runs a test with a fake QEMU, which shows the most, and with the real one, which shows that it is so.
func onBoth(t *testing.T, test func(t *testing.T, h *host)) {
	onFake(t, test)
	onQEMU(t, test)
}

func onFake(t *testing.T, test func(t *testing.T, h *host)) {
	t.Run("fake", func(t *testing.T) {
		h := newHost(t)
		h.fakes()
		test(t, h)
	})
}

func onQEMU(t *testing.T, test func(t *testing.T, h *host)) {
	t.Run("qemu", func(t *testing.T) {
		vmtesting.RequireQEMU(t)
		vmtesting.RequireKernel(t)
		test(t, newHost(t))
	})
}

// fakes puts a fake QEMU before the real one. It is a copy, in a folder that those can enter whom machines run as.
func (h *host) fakes() {
	h.t.Helper()
	h.fake = filepath.Join(h.dir, "bin")
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.Mkdir(h.fake, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(h.fake, fakeName), self, 0o755)
	}
	if err == nil {
		err = os.Chmod(h.dir, 0o755)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "silo-node-")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: dir, words: &bytes.Buffer{}}
	h.client, err = nodeapi.NewClient(nodeapi.Target{Socket: filepath.Join(dir, "node.sock")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.kill()
		said := h.consoles() // before what is left is ended
		for _, pid := range vmtesting.MachinesIn(h.dir) {
			t.Errorf("a machine is left: process %d", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if t.Failed() {
			t.Logf("the node said:\n%s\nguests that have not ended:\n%s", h.words, said)
		}
		os.RemoveAll(dir)
	})
	return h
}

// consoles returns what the consoles of machines that still run show, and what their QEMU said.
func (h *host) consoles() string {
	var all strings.Builder
	_ = fs.WalkDir(os.DirFS(h.dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(path)) != "machine" {
			return nil // what cannot be read is no reason to say nothing of the rest
		}
		text, err := os.ReadFile(filepath.Join(h.dir, path))
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(&all, "%s:\n%s\n", path, text[max(0, len(text)-4096):])
		return nil
	})
	return all.String()
}

// start starts a node and, unless it is to end on its way, waits until it answers.
func (h *host) start(point string) {
	h.t.Helper()
	h.cmd = exec.Command(os.Args[0])
	h.cmd.Env = append(os.Environ(), dirEnv+"="+h.dir, pointEnv+"="+point)
	if h.fake != "" {
		h.cmd.Env = append(h.cmd.Env, "PATH="+h.fake+":"+os.Getenv("PATH"), "SILO_ACCEL=tcg")
	}
	h.cmd.Stderr = h.words
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended, cmd := make(chan struct{}), h.cmd
	h.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := h.client.Info(h.t.Context()); err == nil {
			return
		}
		select {
		case <-h.ended:
			if point == "" {
				h.t.Fatal("the node ended")
			}
			return
		default:
		}
		if time.Now().After(end) {
			h.t.Fatal("the node does not answer")
		}
	}
}

// kill is kill -9. A node that has ended already is no error.
func (h *host) kill() {
	if h.cmd != nil {
		_ = h.cmd.Process.Kill()
		<-h.ended
	}
}

// dies waits for the node's end at its point.
func (h *host) dies() {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(patience):
		h.t.Fatal("the point was not reached")
	}
}

// image is that of cmd/silo's test program. It is built once.
var image = sync.OnceValues(func() (*images.Image, error) {
	return images.Build(context.Background(), images.Config{Dir: "../..", Package: "./cmd/silo/testdata/app"})
})

func (h *host) spec(name string, args ...string) nodeapi.Spec {
	h.t.Helper()
	kernel, initramfs := os.Args[0], os.Args[0] // any file, for a fake
	if h.fake == "" {
		i, err := image()
		if err != nil {
			h.t.Fatal(err)
		}
		kernel, initramfs = i.KernelPath(), i.InitramfsPath()
	}
	for _, path := range []*string{&kernel, &initramfs} {
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			h.t.Fatal(err)
		}
	}
	return nodeapi.Spec{
		Name: name, Kernel: kernel, Initramfs: initramfs, Args: args,
		Memory: nodeapi.Memory{Min: 64 << 20, Max: 256 << 20}, CPU: nodeapi.CPU{MaxMilli: 1000},
	}
}

func (h *host) create(s nodeapi.Spec) nodeapi.Guest {
	h.t.Helper()
	g, err := h.client.Create(h.t.Context(), s)
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

// until waits until a guest is as it should be.
func (h *host) until(name string, is func(nodeapi.Guest) bool) nodeapi.Guest {
	h.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		g, err := h.client.Guest(h.t.Context(), name)
		if err == nil && is(g) {
			return g
		}
		if time.Now().After(end) {
			h.t.Fatalf("guest is %+v, %v", g, err)
		}
	}
}

// written waits until a guest has written a text, and returns all that it wrote.
func (h *host) written(name, text string) string {
	h.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var b strings.Builder
		err := h.client.Logs(h.t.Context(), name, nodeapi.LogQuery{}, func(r nodeapi.LogRecord) error {
			if r.Stream != "init" {
				b.Write(r.Data)
			}
			return nil
		})
		if err == nil && strings.Contains(b.String(), text) {
			return b.String()
		}
		if time.Now().After(end) {
			h.t.Fatalf("guest wrote %q, %v", b.String(), err)
		}
	}
}

// only fails the test unless there is exactly one machine.
func (h *host) only() int {
	h.t.Helper()
	pids := vmtesting.MachinesIn(h.dir)
	if len(pids) != 1 {
		h.t.Fatalf("%d machines: %v", len(pids), pids)
	}
	return pids[0]
}

// clean ends a guest and sees that nothing is left of it, in the ledger, in the folder, or running.
func (h *host) clean(name string) {
	h.t.Helper()
	if _, err := h.client.Kill(h.t.Context(), name); err != nil {
		h.t.Fatal(err)
	}
	if err := h.client.Remove(h.t.Context(), name); err != nil {
		h.t.Fatal(err)
	}
	h.gone()
}

func (h *host) gone() {
	h.t.Helper()
	if left, err := os.ReadDir(filepath.Join(h.dir, "state", "guests")); err != nil || len(left) > 0 {
		h.t.Errorf("left in the folder: %v, %v", left, err)
	}
	if pids := vmtesting.MachinesIn(h.dir); len(pids) > 0 {
		h.t.Errorf("machines left: %v", pids)
	}
	dump, err := h.client.Dump(h.t.Context())
	if err != nil || !bytes.Contains(dump, []byte(`"guests":[]`)) {
		h.t.Errorf("left in the ledger: %s, %v", dump, err)
	}
}
