package pid1

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// TestStandIn: a guest without a host is welcomed with all that the machine has, and hears that there is never more.
func TestStandIn(t *testing.T) {
	guest, host := hvcall.Pipe()
	hostConn := hvcall.NewConn(host, hvcall.Config{})
	var console strings.Builder
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &standIn{memory: 256 << 20, vcpus: 2, network: &hvcall.Network{Address: []string{"10.0.2.15/24"}}, console: &console, grant: newestGrant(hostConn), now: func() time.Time { return now }}
	go hostConn.Serve(t.Context(), s.handle)
	defer hostConn.Close()
	grants := make(chan hvcall.Grant, 10)
	conn := hvcall.NewConn(guest, hvcall.Config{})
	go conn.Serve(t.Context(), func(_ context.Context, f hvcall.Frame) ([]byte, error) {
		g, err := hvcall.DecodeGrant(f.Payload)
		grants <- g
		return nil, err
	})
	w, err := conn.SayHello(t.Context(), hvcall.Hello{Role: hvcall.RolePID1, NumCPU: 1, PID: 1})
	if err != nil || w.Memory.Max != 256<<20 || w.Grant.Memory != 256<<20 || w.CPU.MinMilli != 2000 || w.Network == nil || w.Network.Address[0] != "10.0.2.15/24" {
		t.Fatalf("welcome %+v, %v", w, err)
	}
	for _, c := range []struct {
		memory uint64
		milli  uint32
		limit  hvcall.Limit
	}{{64 << 20, 1000, hvcall.LimitNone}, {512 << 20, 1000, hvcall.LimitMaximum}, {64 << 20, 3000, hvcall.LimitMaximum}} {
		if err := conn.SendDemand(hvcall.Demand{Revision: 1, Memory: c.memory, MilliCPU: c.milli}); err != nil {
			t.Fatal(err)
		}
		if g := <-grants; g.Memory != 256<<20 || g.MilliCPU != 2000 || g.Limit != c.limit || g.Serial <= w.Grant.Serial {
			t.Errorf("%+v was answered with %+v", c, g)
		}
	}
	if clock, err := conn.AskTime(t.Context()); err != nil || clock.UnixNanos != uint64(now.UnixNano()) {
		t.Errorf("clock %v, %v", clock, err)
	}
	for _, err := range []error{
		conn.SendReady(), conn.SendUsage(hvcall.Usage{}), conn.PutLog(t.Context(), hvcall.StreamOut, []byte("hello\n")),
		conn.SendExit(t.Context(), hvcall.Exit{Cause: hvcall.CauseExit, Code: 3, Text: "exit code 3"}),
		conn.SendExit(t.Context(), hvcall.Exit{Cause: hvcall.CauseInit, Code: 125, Text: "why"}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := conn.Call(t.Context(), hvcall.OpShutdown, nil); err == nil {
		t.Error("what no guest says was answered")
	}
	if got := console.String(); got != "hello\nsilo: the application has ended: exit, exit code 3\nsilo: the application has ended: init, exit code 125: why\n" {
		t.Errorf("console %q", got)
	}
}

func TestCountPresent(t *testing.T) {
	for list, want := range map[string]int{"0\n": 1, "0-3\n": 4, "0-63": 64, "1-3": 0, "": 0, "0-3,5": 0, "-1": 0, "0-": 0} {
		n, err := countPresent(list)
		if n != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", list, n, err)
		}
	}
}
