package vmm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// incoming starts a machine that waits for the guest of cfg, and says how to send it there.
func incoming(t *testing.T, cfg vmm.Config) (*vmm.VM, vmm.Sending) {
	t.Helper()
	own := detached(t)
	cfg.Incoming, cfg.Detached, cfg.RunAs = true, own.Detached, own.RunAs
	vm := start(t, cfg)
	server, client, err := vmm.NewIdentities()
	if err != nil {
		t.Fatal(err)
	}
	at, err := vm.Receive(within(t), "127.0.0.1", server)
	if err != nil {
		t.Fatal(err)
	}
	return vm, vmm.Sending{To: at, TLS: client}
}

func doing(t *testing.T, vm *vmm.VM, want vmm.Doing) {
	t.Helper()
	if is, err := vm.Doing(within(t)); is != want || err != nil {
		t.Errorf("the machine %s, %v; want it to be one that %s", is, err, want)
	}
}

// A guest with memory plugged goes on where it was sent to, with what it held, and its memory changes there.
func TestSend(t *testing.T) {
	cfg := detached(t)
	from := start(t, cfg)
	g := talk(t, from)
	if _, err := from.Resize(within(t), 256<<20); err != nil {
		t.Fatal(err)
	}
	if got := g.ask("touch %d", 60<<20); got != "ok" {
		t.Fatal(got)
	}
	to, sending := incoming(t, cfg)
	doing(t, to, vmm.Waits)
	doing(t, from, vmm.Runs)
	sent, err := from.Send(within(t), sending)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", sent)
	if sent.Downtime <= 0 {
		t.Error("it is not known for how long the guest stood still")
	}
	doing(t, from, vmm.Still)
	if err := to.CameIn(within(t)); err != nil {
		t.Fatal(err)
	}
	doing(t, to, vmm.Still)
	if sent.Bytes < 60<<20 || sent.Bytes > 200<<20 {
		t.Errorf("%d bytes sent of a guest that touched 60 MiB", sent.Bytes)
	}
	if err := to.Continue(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := from.Kill(); err != nil {
		t.Fatal(err)
	}
	talk(t, to)
	for _, total := range []int64{512 << 20, 192 << 20} {
		if now, err := to.Resize(within(t), total); err != nil {
			t.Errorf("resize after the move: %d, %v", now, err)
		}
	}
}

// Given up, the guest runs on where it was; and can be sent again.
func TestSendGivenUp(t *testing.T) {
	cfg := detached(t)
	from := start(t, cfg)
	g := talk(t, from)
	to, sending := incoming(t, cfg)
	if err := to.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Send(within(t), sending); !errors.As(err, new(*vmm.SendError)) {
		t.Errorf("sent to a machine that has ended: %v", err)
	}
	if g.ask("ping") != "pong" {
		t.Error("the guest does not run on")
	}
	to, sending = incoming(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	if _, err := from.Send(ctx, sending); err == nil {
		t.Log("it was there before it was given up")
		if err := from.Continue(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	doing(t, from, vmm.Runs)
	if g.ask("ping") != "pong" {
		t.Error("the guest does not run on")
	}
	_ = to.Kill()
	_, sending = incoming(t, cfg)
	if _, err := from.Send(within(t), sending); err != nil {
		t.Errorf("sent again: %v", err)
	}
}

// A stranger is not let in: the stream is encrypted, and both sides are known by what their hosts gave them for this move.
func TestSendByStranger(t *testing.T) {
	cfg := detached(t)
	from := start(t, cfg)
	to, sending := incoming(t, cfg)
	_, stranger, err := vmm.NewIdentities()
	if err != nil {
		t.Fatal(err)
	}
	sending.TLS = stranger
	if _, err := from.Send(within(t), sending); err == nil || !strings.Contains(err.Error(), "ertificate") {
		t.Errorf("a stranger sent: %v", err)
	}
	doing(t, from, vmm.Runs)
	if is, err := to.Doing(within(t)); err == nil && is != vmm.Waits {
		t.Errorf("the destination %s", is)
	}
}
