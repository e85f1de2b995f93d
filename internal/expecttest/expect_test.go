package expecttest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/vmtesting"
)

const mib = 1 << 20

// TestWhatAGoProgramExpects: each line is something of which nobody says that he needs it.
func TestWhatAGoProgramExpects(t *testing.T) {
	t.Parallel()
	resolver(t, [4]byte{192, 0, 2, 7})
	port6 := onIPv6(t, "host")
	before := time.Now()
	g, out := start(t, port6)
	got := out.result(t, g)
	for name, want := range map[string]string{
		"dns": "192.0.2.7", "args": "one|two words|", "env": "hello, world", "dir": "/", "hostname": "expect-1",
		"zone": "2026-07-01T08:00:00-04:00", "local zone": "2026-07-01T14:00:00+02:00",
		"lookup localhost": "127.0.0.1 ::1", "lookup expect-1": "10.0.2.15 fec0::15", "user": "root /",
		"loopback 127.0.0.1:0": "ok", "loopback [::1]:0": "ok", "ipv6 to the host": "host",
		"null": "ok", "/dev/urandom": "ok", "/dev/random": "ok", "/dev/zero": "ok",
		"write /tmp": "ok", "write /dev/shm": "ok", "write /run": "ok", "write /etc": "ok", "write .": "ok",
		"room in /tmp": "256", "proc": "/app/main", "file of the image": "as it was built\n",
		"child": `heard "from the parent", <nil> 7`, "signal": "user defined signal 1", "roots": "ISRG Root X1",
		"window": "4096 131072 4194304", "10000 files": "ok", "700 threads": "ok", "600 connections closed": "ok",
		"listen": "ok", "listen below 1024": "ok", "listen udp": "ok",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	clock, err := time.Parse(time.RFC3339Nano, got["clock"])
	if err != nil || clock.Before(before) || clock.After(time.Now()) {
		t.Errorf("clock: %s, which is not between start and end of the guest by the host's (%v)", got["clock"], err)
	}
	if len(got["entropy"]) != 64 || strings.Trim(got["entropy"], "0") == "" {
		t.Errorf("entropy: %q", got["entropy"])
	}
	delete(got, "clock")
	delete(got, "entropy")
	if len(got) > 0 {
		t.Errorf("not judged: %v", got)
	}
	reach(t, g.Forwards())
	if err := g.Shutdown(t.Context(), 10*time.Second); err != nil {
		t.Error(err)
	}
	if exit, err := g.Wait(); err != nil || exit.Cause != hvcall.CauseExit || exit.Code != 3 || !strings.Contains(out.String(), "asked to end") {
		t.Errorf("ended by %+v, %v, want by itself after SIGTERM\n%s", exit, err, out)
	}
}

// start boots the program in a guest that begins with 64 MiB and may have 512.
func start(t *testing.T, port6 int) (*node.Guest, *output) {
	t.Helper()
	vmtesting.RequireQEMU(t)
	vmtesting.RequireKernel(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "note"), []byte("as it was built\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	image, err := images.Build(t.Context(), images.Config{Package: "./testdata/expect",
		Files: []images.File{{Path: "/etc/expect", Source: dir}}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	out := &output{said: make(chan struct{})}
	g, err := n.Start(t.Context(), node.GuestSpec{
		Name: "expect-1", Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(),
		Args: []string{"one", "two words", ""},
		Env:  []string{"GREETING=hello, world", "TZ=Europe/Berlin", "HOST6=[fec0::2]:" + strconv.Itoa(port6)},
		DNS:  []string{"10.0.2.2"}, Memory: node.Memory{Min: 64 * mib, Max: 512 * mib}, CPU: node.CPU{MinMilli: 1000, MaxMilli: 2000},
		Ports:  []vmm.Forward{{GuestPort: 7001}, {GuestPort: 80}, {GuestPort: 7003, Proto: "udp"}},
		Stdout: out, Stderr: out, InitLog: out, Console: out,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g, out
}

// output is all that the guest says.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	said chan struct{} // closed when the result is there
	done bool
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(b)
	if _, rest, ok := strings.Cut(o.buf.String(), "expect {"); ok && !o.done && strings.Contains(rest, "\n") {
		o.done = true
		close(o.said)
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// result waits for it.
func (o *output) result(t *testing.T, g *node.Guest) (got map[string]string) {
	t.Helper()
	select {
	case <-o.said:
	case <-g.Done():
		exit, err := g.Wait()
		t.Fatalf("ended by %+v, %v\n%s", exit, err, o)
	case <-time.After(90 * time.Second):
		t.Fatalf("the guest says nothing\n%s", o)
	}
	_, line, _ := strings.Cut(o.String(), "expect {")
	line, _, _ = strings.Cut(line, "\n")
	if err := json.Unmarshal([]byte("{"+line), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// onIPv6 answers with a text on a port of the host's loopback.
func onIPv6(t *testing.T, text string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, text)
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// reach asks the program's servers from the host.
func reach(t *testing.T, ports []vmm.Forward) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var d net.Dialer
	one, err := d.DialContext(ctx, "tcp", ports[0].HostAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if b, err := io.ReadAll(one); err != nil || string(b) != "one" {
		t.Errorf("port 7001 said %q, %v", b, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ports[1].HostAddr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "web" {
		t.Errorf("port 80 said %q, %v", b, err)
	}
	udp, err := d.DialContext(ctx, "udp", ports[2].HostAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	udp.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(udp, "ping")
	b := make([]byte, 100)
	if n, err := udp.Read(b); err != nil || string(b[:n]) != "udp ping" {
		t.Errorf("UDP port 7003 said %q, %v", b[:n], err)
	}
}
