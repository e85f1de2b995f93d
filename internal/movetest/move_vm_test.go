package movetest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/nettest"
	"github.com/silo-os/silo/internal/vmtesting"
)

func TestMain(m *testing.M) {
	Be()
	os.Exit(m.Run())
}

var image = sync.OnceValues(func() (*images.Image, error) {
	return images.Build(context.Background(), images.Config{Dir: "../..", Package: "./internal/movetest/testdata/app"})
})

// spec is a guest that holds some MiB and changes some of them each second, at an address of the pair's network.
func spec(t *testing.T, name string, hold, change int) nodeapi.Spec {
	t.Helper()
	vmtesting.RequireQEMU(t)
	vmtesting.RequireKernel(t)
	i, err := image()
	if err != nil {
		t.Fatal(err)
	}
	return nodeapi.Spec{
		Name: name, Kernel: i.KernelPath(), Initramfs: i.InitramfsPath(), Args: []string{strconv.Itoa(hold), strconv.Itoa(change)},
		Memory: nodeapi.Memory{Min: 64 << 20, Max: 512 << 20}, CPU: nodeapi.CPU{MaxMilli: 1000},
		Bridge: &bridge.Attachment{Bridge: nettest.Bridge, Addresses: []netip.Prefix{netip.MustParsePrefix(guestIP + "/24")}},
	}
}

const guestIP = "10.77.0.50"

func (p *Pair) run(t *testing.T, s nodeapi.Spec) {
	t.Helper()
	if _, err := p.A.Client.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	p.A.Wrote(s.Name, "count")
}

// talk is a connection to the guest on which every answer is checked.
type talk struct {
	conn net.Conn
	in   *bufio.Reader
	last string
	n    int
}

func (p *Pair) talk(t *testing.T) *talk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		conn, err := p.Net.Client.Dial(ctx, "tcp", guestIP+":7")
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return &talk{conn: conn, in: bufio.NewReader(conn)}
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func (k *talk) ask() error {
	k.n++
	text := fmt.Sprint("line", k.n)
	_ = k.conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(k.conn, text); err != nil {
		return err
	}
	got, err := k.in.ReadString('\n')
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%d %s %s\n", k.n, k.last, text); got != want {
		return fmt.Errorf("answer %q, want %q", got, want)
	}
	k.last = text
	return nil
}

// missing are the counts that are missing in what was written; a line may be there twice.
func missing(all string, next int) (gaps []int, then int) {
	for line := range strings.Lines(all) {
		var n int
		if _, err := fmt.Sscanf(line, "count %d\n", &n); err != nil {
			continue
		}
		for ; next < n; next++ {
			gaps = append(gaps, next)
		}
		next = max(next, n+1)
	}
	return gaps, next
}

// A guest goes to another host and back, with its address, an open connection, all that it holds and all that it writes; it
// hears of it, and nothing is left where it was.
func TestMove(t *testing.T) {
	p := New(t, Options{})
	p.A.Start("")
	p.B.Start("")
	p.run(t, spec(t, "kv", 48, 0))
	k := p.talk(t)
	from, to := p.A, p.B
	next := 0 // of the counts that the node before has not got
	for range 2 {
		if err := k.ask(); err != nil {
			t.Fatal(err)
		}
		m, err := from.Client.Migrate(t.Context(), "kv", nodeapi.Migrate{To: to.set.Name})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", m)
		to.Runs("kv")
		for range 5 {
			if err := k.ask(); err != nil {
				t.Fatal(err)
			}
		}
		wrote := from.Wrote("kv", "heard moving")
		var gaps []int
		if gaps, next = missing(wrote, next); len(gaps) > 0 {
			t.Errorf("lines missing before the move: %v", gaps)
		}
		after := next
		wrote = to.Wrote("kv", "heard moved")
		to.Wrote("kv", fmt.Sprintf("count %d\n", next+3))
		if gaps, _ := missing(wrote, after); len(gaps) > 0 {
			t.Errorf("lines missing after the move: %v", gaps)
		}
		next = after
		if g := from.Guest("kv"); g.State != nodeapi.StateMoved || g.MovedTo != to.set.Name {
			t.Errorf("shown where it was: %+v", g)
		}
		from.Empty()
		checkClock(t, wrote)
		from, to = to, from
	}
	if _, err := p.A.Client.Stop(t.Context(), "kv", nodeapi.Stop{}); err != nil {
		t.Error(err)
	}
	p.A.Wrote("kv", "stopped")
	p.A.Empty()
}

// checkClock looks whether the guest's clock is the host's.
func checkClock(t *testing.T, wrote string) {
	t.Helper()
	_, rest, _ := strings.Cut(wrote, "heard moved at ")
	ms, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseInt(ms, 10, 64)
	if off := time.Since(time.UnixMilli(n)); err != nil || off < -time.Second || off > patience {
		t.Errorf("the guest's clock is %v behind: %v", off, err)
	}
}

// What cannot move says so, in one line with the fix.
func TestMoveRefused(t *testing.T) {
	p := New(t, Options{CapacityB: 80 << 20})
	p.A.Start("")
	user := spec(t, "user", 1, 0)
	user.Bridge = nil
	restarted := spec(t, "restarted", 1, 0)
	restarted.Restart = nodeapi.RestartAlways
	restarted.Bridge.Addresses[0] = netip.MustParsePrefix("10.77.0.51/24")
	for _, s := range []nodeapi.Spec{user, restarted, spec(t, "kv", 48, 0)} {
		p.run(t, s)
	}
	for _, c := range []struct{ guest, to, text string }{
		{"user", "b", "start it on a bridge"}, {"restarted", "b", "--restart never"}, {"kv", "c", `no peer named "c"`},
		{"none", "b", "no guest named"}, {"kv", "b", "cannot take it"},
	} {
		_, err := p.A.Client.Migrate(t.Context(), c.guest, nodeapi.Migrate{To: c.to})
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s to %s: %v", c.guest, c.to, err)
		}
	}
	p.B.Start("")
	if _, err := p.A.Client.Migrate(t.Context(), "kv", nodeapi.Migrate{To: "b"}); !nodeapi.Is(err, nodeapi.CodeStayed) || !strings.Contains(err.Error(), "free") {
		t.Errorf("to a host that is full: %v", err)
	}
	p.A.Runs("kv")
	p.B.Empty()
}
