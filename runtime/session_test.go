package runtime

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/alloc"
	"github.com/silo-os/silo/hvcall"
)

// TestSessionSpeaksWithPID1 connects a session to a fake that answers as PID 1 does.
func TestSessionSpeaksWithPID1(t *testing.T) {
	old := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(old)
	guest, host := hvcall.Pipe()
	peer := hvcall.NewConn(host, hvcall.Config{})
	demands := make(chan hvcall.Demand, 100)
	go peer.Serve(t.Context(), func(_ context.Context, f hvcall.Frame) ([]byte, error) {
		switch f.Op {
		case hvcall.OpHello:
			h, err := hvcall.DecodeHello(f.Payload)
			if err != nil || h.Role != hvcall.RoleApplication {
				t.Errorf("hello %+v, %v", h, err)
			}
			// A grant that overtakes the answer must not be lost, nor block the conversation.
			if err := peer.SendGrant(hvcall.Grant{Serial: 2, Memory: 96 << 20, MilliCPU: 1000}); err != nil {
				t.Error(err)
			}
			return hvcall.Welcome{Name: "box", Memory: hvcall.MemoryBounds{Max: 1 << 30}, CPU: hvcall.CPUBounds{MaxMilli: 2000},
				Grant: hvcall.GrantJSON{Serial: 1, Memory: 48 << 20, MilliCPU: 1000}}.Encode(), nil
		case hvcall.OpDemand:
			d, err := hvcall.DecodeDemand(f.Payload)
			demands <- d
			return nil, err
		}
		return nil, nil
	})
	g := connect(guest, "PID 1", false)
	if _, err := g.session(); err != nil {
		t.Fatal(err)
	}
	if m, _ := g.Granted(); m != 96<<20 || g.Name() != "box" || g.Hosted() {
		t.Errorf("granted %d to %q", m, g.Name())
	}
	d := receive(t, demands)
	if d.Revision == 0 || d.Memory == 0 || d.Floor > d.Memory {
		t.Errorf("first demand %+v", d)
	}
	if err := g.Ready(); err != nil {
		t.Error(err)
	}
	s, _ := g.session()
	s.stateMemory(alloc.Statement{Memory: 1 << 60, Floor: 1 << 55})
	for d.Memory != hvcall.MaxMemory || d.Floor != hvcall.MaxMemory { // the governor states its own beside
		d = receive(t, demands)
	}
	for _, c := range []struct {
		op      hvcall.Op
		payload []byte
		bad     bool
	}{{hvcall.OpSteal, hvcall.Steal{Taken: 250}.AppendTo(nil), false}, {hvcall.OpSteal, nil, true}, {hvcall.OpGrant, nil, true}, {hvcall.OpExit, nil, true},
		{hvcall.OpMigrate, hvcall.Migrate{Phase: hvcall.PhaseCancelled}.Encode(), false}, {hvcall.OpMigrate, nil, true},
		{hvcall.OpProfile, nil, true}, {hvcall.OpProfile, hvcall.Profile{Kind: hvcall.ProfileHeap}.Encode(), false}, {hvcall.OpShutdown, nil, true}} {
		if _, err := s.hear(t.Context(), hvcall.Frame{Header: hvcall.Header{Op: c.op}, Payload: c.payload}); (err != nil) != c.bad {
			t.Errorf("%s of %d bytes: %v", c.op, len(c.payload), err)
		}
	}
	applied := func(when string, want uint64, stated bool) {
		t.Helper()
		s.mu.Lock()
		defer s.mu.Unlock()
		if stated && s.demand.Applied != want || !stated && s.demand.Applied >= want {
			t.Errorf("%s the demand says that grant %d is applied, of %d", when, s.demand.Applied, want)
		}
	}
	var serial uint64
	s.cpus.OnGrant(func(int) {
		if serial != 0 {
			s.restate(func(*hvcall.Demand) {}) // as either governor may at any time
			applied("while GOMAXPROCS changes", serial, false)
		}
	})
	for _, milli := range []uint32{2000, 1000} {
		serial = s.granted().Serial + 1
		if _, err := s.hear(t.Context(), hvcall.Frame{Header: hvcall.Header{Op: hvcall.OpGrant}, Payload: hvcall.Grant{Serial: serial, Memory: 96 << 20, MilliCPU: milli}.AppendTo(nil)}); err != nil {
			t.Error(err)
		}
		applied("afterwards", serial, true)
	}
	if err := peer.Close(); err != nil {
		t.Error(err)
	}
}

// TestGrantsOvertakeOneByOne: while grants that overtook the Welcome are applied, more of them are kept and not applied beside.
func TestGrantsOvertakeOneByOne(t *testing.T) {
	s := &session{grant: hvcall.Grant{Serial: 1}}
	for _, serial := range []uint64{2, 3} {
		if !s.hold(hvcall.Grant{Serial: serial}) {
			t.Fatalf("grant %d is to be applied by who reads", serial)
		}
		if g, is := s.overtook(); !is || g.Serial != serial {
			t.Errorf("grant %d: %d is to be applied by govern: %t", serial, g.Serial, is)
		}
		s.grant.Serial = serial
	}
	if _, is := s.overtook(); is || s.hold(hvcall.Grant{Serial: 4}) {
		t.Error("all are in force, and who reads applies none")
	}
}

func receive(t *testing.T, ch <-chan hvcall.Demand) hvcall.Demand {
	t.Helper()
	select {
	case d := <-ch:
		return d
	case <-time.After(30 * time.Second):
		t.Fatal("no demand")
		return hvcall.Demand{}
	}
}

func TestHostedGuestIsInert(t *testing.T) {
	g := &Guest{hosted: true}
	m, c := g.Granted()
	if !g.Hosted() || g.Name() != "" || m != 0 || c != 0 || g.Ready() != nil {
		t.Errorf("hosted guest: %q %d %d", g.Name(), m, c)
	}
	r, err := g.Reserve(t.Context(), 1<<40)
	if err != nil || r.Bytes() != 1<<40 {
		t.Errorf("hosted reservation: %v, %v", r, err)
	}
	r.Release()
	a, err := g.NewArena(alloc.ArenaConfig{Max: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := a.Alloc(t.Context(), 100); err != nil || len(b) != 100 {
		t.Errorf("hosted arena: %d bytes, %v", len(b), err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestRunPassesErrorsAndSwallowsTheEnd(t *testing.T) {
	boom := errors.New("boom")
	if err := run(t.Context(), func(context.Context, *Guest) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, func(ctx context.Context, _ *Guest) error { return ctx.Err() }); err != nil {
		t.Errorf("the end was taken for an error: %v", err)
	}
}

// TestTraceTo: a trace that cannot be written costs a warning and nothing else.
func TestTraceTo(t *testing.T) {
	var log bytes.Buffer
	l := slog.New(slog.NewTextHandler(&log, nil))
	if w := traceTo("", l); w != nil {
		t.Errorf("no path, and yet %v", w)
	}
	if w := traceTo(filepath.Join(t.TempDir(), "none", "trace"), l); w != nil || !strings.Contains(log.String(), "not recorded") {
		t.Errorf("no folder, and yet %v; told %q", w, log.String())
	}
	path := filepath.Join(t.TempDir(), "trace")
	w := traceTo(path, l)
	if w == nil {
		t.Fatal(log.String())
	}
	w.Write([]byte("line\n"))
	w.(io.Closer).Close()
	if b, err := os.ReadFile(path); err != nil || string(b) != "line\n" {
		t.Errorf("%q, %v", b, err)
	}
}
