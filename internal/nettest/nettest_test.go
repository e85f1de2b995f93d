package nettest_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/silo-os/silo/internal/nettest"
)

// TestNet: the client reaches both hosts by both families, and the second not any more while the wire is cut.
func TestNet(t *testing.T) {
	n := nettest.New(t)
	for _, h := range []*nettest.Host{n.A, n.B} {
		for _, ip := range []string{h.IP, "fd77::" + h.IP[len("10.77.0."):]} {
			serve(t, h, net.JoinHostPort(ip, "80"))
			if got := hear(t, n.Client, net.JoinHostPort(ip, "80")); got != h.Name {
				t.Errorf("%s answers as %q", ip, got)
			}
		}
	}
	if err := n.Cut(true); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if conn, err := n.Client.Dial(ctx, "tcp", n.B.IP+":80"); err == nil {
		conn.Close()
		t.Error("a cut wire carries")
	}
	if err := n.Cut(false); err != nil {
		t.Fatal(err)
	}
	if got := hear(t, n.Client, n.B.IP+":80"); got != n.B.Name {
		t.Errorf("mended, it answers %q", got)
	}
}

// serve says a host's name to whoever connects, until the test's end.
func serve(t *testing.T, h *nettest.Host, at string) {
	t.Helper()
	var l net.Listener
	var err error
	h.Do(func() { l, err = net.Listen("tcp", at) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, h.Name)
			conn.Close()
		}
	}()
}

func hear(t *testing.T, from *nettest.Host, at string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := from.Dial(ctx, "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
