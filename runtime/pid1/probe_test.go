package pid1

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// TestHealth: what never served is not hung, and each run of bad looks as long as the patience is told once.
func TestHealth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		told := rapid.IntRange(0, 20).Draw(t, "look at which it is known from elsewhere that it served")
		h := health{patience: rapid.IntRange(1, 5).Draw(t, "patience")}
		served, run := false, 0
		for i, good := range rapid.SliceOf(rapid.Bool()).Draw(t, "looks") {
			want := nothingNew
			known := i == told
			served = served || known && !good
			switch {
			case good:
				if !served {
					want = nowServing
				}
				served, run = true, 0
			case served:
				if run++; run%h.patience == 0 {
					want = nowHung
				}
			}
			if got := h.saw(good, known); got != want {
				t.Fatalf("%v, want %v", got, want)
			}
		}
	})
}

// answering returns a server's port, which answers what it is sent with a text.
func answering(t *testing.T, text string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			io.ReadAtLeast(c, make([]byte, 1024), 1)
			io.WriteString(c, text)
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func TestLook(t *testing.T) {
	for _, c := range []struct{ text, path, want string }{
		{"HTTP/1.1 200 OK\r\n\r\n", "/", ""}, {"HTTP/1.0 302 Found\r\n", "/x", ""},
		{"HTTP/1.1 200 " + strings.Repeat("long", 1000) + "\r\n", "/", ""},
		{"HTTP/1.1 503 Busy\r\n\r\n", "/", "503 Busy"}, {"SSH-2.0\r\n", "/", "is not HTTP"}, {"HTTP/1.1 \r\n", "/", "answered"},
		{"", "/", "read answer"}, {"", "", ""}, // a connection is enough
	} {
		err := look(t.Context(), hvcall.Probe{Port: answering(t, c.text), Path: c.path})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: %v, want %q", c.text, err, c.want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := look(t.Context(), hvcall.Probe{Port: port, Path: "/", WithinMS: 50}); err == nil {
		t.Error("who accepts and says nothing serves HTTP")
	}
	l.Close()
	if err := look(t.Context(), hvcall.Probe{Port: port}); err == nil {
		t.Error("nobody listens, and serves")
	}
}

// TestWatch: one that starts late, serves, and hangs.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		age := func() time.Duration { return time.Since(start) }
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		watch{every: time.Second, patience: 3, ask: func(context.Context) error {
			if age() < 5*time.Second || age() > 20*time.Second {
				return errors.New("no")
			}
			return nil
		}, told: func(v verdict, err error) bool {
			told = append(told, age().String())
			return v != nowHung
		}}.run(ctx)
		if got := strings.Join(told, " "); got != "5s 23s" {
			t.Errorf("told after %s, want 5s 23s", got)
		}
	})
}
