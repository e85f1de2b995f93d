package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/nodeapi"
)

// TestDrainSaysWhatStays: who drains a host hears of every guest that stays, and why; those that have ended are not asked.
func TestDrainSaysWhatStays(t *testing.T) {
	r := newRig(t)
	client, err := nodeapi.NewClient(nodeapi.Target{Socket: "/nonexistent"})
	if err != nil {
		t.Fatal(err)
	}
	b := &peer{PeerConfig: PeerConfig{Name: "b"}, client: client}
	r.peers = map[string]*peer{"b": b}
	r.create(r.spec("ended"))
	r.exit(0)
	r.until("ended", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateEnded })
	again := r.spec("again")
	again.Restart = nodeapi.RestartAlways
	r.create(again)
	r.exit(1)
	r.until("again", func(g nodeapi.Guest) bool { return g.State == nodeapi.StateBackoff })
	r.create(r.spec("user"))
	free := r.spec("free")
	free.Network = "none"
	for _, c := range []struct {
		alive           bool
		user, free, own string
	}{
		{false, "no peer answers", "no peer answers", "it is backoff"},
		{true, "start it on a bridge", "b: the destination cannot take it: no silo node answers", "it is backoff"},
	} {
		b.mu.Lock()
		b.seen = c.alive
		b.mu.Unlock()
		if _, err := r.find("free"); err != nil {
			r.create(free)
		}
		moves, err := r.client.Drain(t.Context())
		if err != nil || len(moves) != 3 {
			t.Fatalf("%+v, %v", moves, err)
		}
		for i, want := range []struct{ guest, why string }{{"again", c.own}, {"user", c.user}, {"free", c.free}} {
			if m := moves[i]; m.Guest != want.guest || m.State != "stayed" || !strings.Contains(m.Error, want.why) {
				t.Errorf("%+v, want %+v", m, want)
			}
		}
	}
}

// TestReliefBacksOff: a move to make room that fails is not tried again at once, nor ever more rarely than once a minute.
func TestReliefBacksOff(t *testing.T) {
	for vain, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 1000: time.Minute} {
		if got := relieveAgain(vain); got != want {
			t.Errorf("after %d: %v, want %v", vain+1, got, want)
		}
	}
	r := newRig(t)
	r.peers = map[string]*peer{"b": {PeerConfig: PeerConfig{Name: "b"}}}
	r.relieve(broker.ProposeMove{Guest: "none", To: "b"})
	for end := time.Now().Add(patience); len(r.relieving) == 0; {
		if time.Now().After(end) {
			t.Fatal("nobody holds the token")
		}
	}
	r.relieve(broker.ProposeMove{Guest: "none", To: "b"}) // it does not wait
	time.Sleep(50 * time.Millisecond)
	if len(r.relieving) == 0 {
		t.Error("it could be tried again at once")
	}
}
