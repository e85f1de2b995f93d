package apptest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/volume"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/lockedbuf"
	"github.com/silo-os/silo/internal/vmtesting"
	"github.com/silo-os/silo/internal/vmtesting/built"
)

const mib = 1 << 20

// patience is how long a test waits for what a guest does. Nothing takes a tenth of it on a quiet machine.
const patience = 2 * time.Minute

// server is a server in a guest.
type server struct {
	t     *testing.T
	guest *node.Guest
	out   *lockedbuf.Buffer // what the guest wrote
}

// image is a program's, with files of the test beside it.
func image(t *testing.T, program string, files ...images.File) *images.Image {
	t.Helper()
	vmtesting.RequireQEMU(t)
	vmtesting.RequireKernel(t)
	return built.Image(t, program, files...)
}

// serve runs an image with ports of the guest reachable on free ones of the host.
func serve(t *testing.T, image *images.Image, volumes volume.Store, mounts []node.Volume, ports []int, args ...string) *server {
	t.Helper()
	n, err := node.New(node.Config{Volumes: volumes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &server{t: t, out: &lockedbuf.Buffer{}}
	spec := node.GuestSpec{
		Name: image.Manifest.Name, Kernel: image.KernelPath(), Initramfs: image.InitramfsPath(), Args: args, Volumes: mounts,
		Memory: node.Memory{Max: 1024 * mib}, CPU: node.CPU{MinMilli: 1000, MaxMilli: 2000},
		Stdout: s.out, Stderr: s.out, InitLog: s.out, Console: s.out,
	}
	for _, p := range ports {
		spec.Ports = append(spec.Ports, vmm.Forward{GuestPort: p})
	}
	if s.guest, err = n.Start(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server wrote:\n%s", s.out.String())
		}
	})
	return s
}

// addr is where the i-th port is reached.
func (s *server) addr(i int) string { return s.guest.Forwards()[i].HostAddr() }

// until tries something until it works.
func (s *server) until(what string, try func() error) {
	s.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
		select {
		case <-s.guest.Done():
			exit, err := s.guest.Wait()
			s.t.Fatalf("%s: the guest has ended: %+v, %v", what, exit, err)
		default:
		}
	}
	s.t.Fatalf("%s: not within %v: %v", what, patience, err)
}

// stop asks the server to end, which it must do by itself and in good order.
func (s *server) stop(code int) {
	s.t.Helper()
	if err := s.guest.Shutdown(context.Background(), 20*time.Second); err != nil {
		s.t.Error(err)
	}
	if exit, err := s.guest.Wait(); err != nil || exit.Code != code {
		s.t.Errorf("ended with %+v, %v, want code %d", exit, err, code)
	}
}

// get fetches the body of a resource.
func get(c *http.Client, url string) ([]byte, error) {
	resp, err := c.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200q", resp.Status, body)
	}
	return body, err
}

// https is a client that finds every host at one address, trusts what cfg says, and keeps no connection.
func https(addr string, cfg *tls.Config) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: cfg, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}}
}
