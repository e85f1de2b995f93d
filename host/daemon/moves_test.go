package daemon

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/vmmtest"
)

// came is the record of a guest that came, or was about to.
func came(name, id string, state nodeapi.State, ran bool) *record {
	r := placed(name, state)
	r.Came, r.Ran = id, ran
	return r
}

// arriving is a guest kv that is to come by a move.
func arriving(id string) nodeapi.Arrival {
	return nodeapi.Arrival{ID: id, Spec: nodeapi.Spec{
		Name: "kv", Network: "none", Memory: nodeapi.Memory{Min: 64 * mib, Max: 256 * mib}, CPU: nodeapi.CPU{MinMilli: 1000, MaxMilli: 2000}}}
}

// TestFinalWord: a source that has not heard how its move ended is told so for good: also when the guest ended while no daemon
// ran, before it was stored as one that runs, and when it was removed since.
func TestFinalWord(t *testing.T) {
	dir := stored(t,
		came("ran", "m-ran", nodeapi.StateArriving, true),
		came("waited", "m-waited", nodeapi.StateArriving, false),
		came("ended", "m-ended", nodeapi.StateEnded, true),
		came("moved-on", "m-moved-on", nodeapi.StateMoved, true))
	r := &rig{t: t}
	r.open(dir)
	if _, err := r.Wait(t.Context(), "ran"); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for id, want := range map[string]move.DestinationState{"m-ran": move.DestLost, "m-ended": move.DestLost, "m-moved-on": move.DestRunning} {
			if s, err := r.RunMoved(t.Context(), id); err != nil || s.State != string(want) {
				t.Errorf("%s: %+v, %v; want %s", id, s, err, want)
			}
		}
		if s, err := r.RunMoved(t.Context(), "m-waited"); s.State != string(move.DestGone) || err != nil {
			t.Errorf("never ran: %+v, %v", s, err)
		}
	}
	check()
	for _, name := range []string{"ran", "ended", "moved-on"} {
		if err := r.Remove(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	check()
	r.Leave()
	r.open(dir)
	check()
}

// TestFinalWordsAreBounded: what is remembered of guests that are forgotten is so much and no more, and the newest.
func TestFinalWordsAreBounded(t *testing.T) {
	r := newRig(t)
	r.host.Words = make([]word, mostWords)
	if err := r.remember(word{"m-1", move.DestLost}); err != nil {
		t.Fatal(err)
	}
	if n := len(r.host.Words); n != mostWords {
		t.Errorf("%d are kept", n)
	}
	if _, is := r.findMove("m-1"); is != move.DestLost {
		t.Errorf("the newest is %q", is)
	}
}

// TestWaitForWhatDoesNotCome: who waits for a guest that is to come is told when it does not.
func TestWaitForWhatDoesNotCome(t *testing.T) {
	r := newRig(t)
	r.mu.Lock() // no machine is made yet
	expected := make(chan error)
	go func() {
		_, err := r.Expect(context.Background(), arriving("m-1"))
		expected <- err
	}()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := r.find("kv"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is not expected")
		}
	}
	waited := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { _, err := r.Wait(ctx, "kv"); waited <- err }()
	time.Sleep(10 * time.Millisecond) // it waits
	r.mu.Unlock()
	if err := <-expected; err == nil {
		t.Fatal("a machine of the tests took a guest in")
	}
	refused(t, <-waited, nodeapi.CodeMoved)
}

// TestDidNotComeIn: a guest that did not come in whole is let go of at once, not when its time is over: it stands still meanwhile.
func TestDidNotComeIn(t *testing.T) {
	dir := stored(t)
	synctest.Test(t, func(t *testing.T) {
		vm := &movingVM{VM: vmmtest.New(vmmtest.Config{BootMemory: 64 * mib, MaxMemory: 256 * mib, VCPUs: 2}), noCameIn: errors.New("half of it")}
		d, err := Open(t.Context(), Config{
			Dir: dir, Capacity: broker.Capacity{Memory: 1024 * mib, MilliCPU: 8000}, Log: slog.New(slog.DiscardHandler),
			Hold:   func(int, []int) node.Share { return noShare{} },
			Launch: func(context.Context, vmm.Config) (vmm.Machine, error) { return vm, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { d.Leave(); d.node.Close() }()
		a := arriving("m-1")
		a.LeaseMS = time.Minute.Milliseconds()
		if _, err := d.Expect(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s, err := d.RunMoved(t.Context(), "m-1")
		if took := time.Since(begun); err != nil || s.State != string(move.DestGone) || took > time.Second {
			t.Errorf("%+v, %v, after %v", s, err, took)
		}
		if _, err := d.Guest("kv"); err == nil {
			t.Error("its place stays")
		}
	})
}
