package vmm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
)

// incoming starts a machine that waits for the guest of cfg, and says how to send it there.
func incoming(t *testing.T, cfg vmm.Config, still bool) (*vmm.VM, vmm.Sending) {
	t.Helper()
	own := detached(t)
	cfg.Incoming, cfg.Detached, cfg.RunAs = true, own.Detached, own.RunAs
	vm := start(t, cfg)
	server, client, err := vmm.NewIdentities()
	if err != nil {
		t.Fatal(err)
	}
	sending, err := vm.Receive(within(t), "127.0.0.1", server, still)
	if err != nil || (sending.Memory != "") != still {
		t.Fatal(sending, err)
	}
	sending.TLS = client
	return vm, sending
}

func doing(t *testing.T, vm *vmm.VM, want vmm.Doing) {
	t.Helper()
	if is, err := vm.Doing(within(t)); is != want || err != nil {
		t.Errorf("the machine %s, %v; want it to be one that %s", is, err, want)
	}
}

// A guest with memory plugged goes on where it was sent to, with what it held, and its memory changes there: however its memory gets there, and also where
// what is plugged has the size of what was there at boot.
func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		still bool
		boot  int64
	}{"by qemu": {still: false}, "by its hosts": {still: true}, "with memories alike": {still: true, boot: 512 << 20}} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && c.boot != 0 {
				t.Skip("which memory is which is TestBootFirst's: not with -short")
			}
			testSend(t, c.boot, c.still)
		})
	}
}

func testSend(t *testing.T, boot int64, still bool) {
	cfg := detached(t)
	if boot != 0 {
		cfg.BootMemory, cfg.MaxMemory = boot, 2*boot
	}
	from := start(t, cfg)
	if is, err := from.StandsStill(within(t)); err != nil {
		t.Fatal(is, err) // which of the two it is, is QEMU's
	}
	g := talk(t, from)
	if _, err := from.Resize(within(t), cfg.BootMemory+192<<20); err != nil {
		t.Fatal(err)
	}
	if got := g.ask("noise %d", 60<<20); got != "ok" {
		t.Fatal(got)
	}
	to, sending := incoming(t, cfg, still)
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
	doing(t, to, vmm.Came)
	if err := vmm.SameMemory(from, to); err != nil {
		t.Error(err)
	}
	if sent.Bytes < 60<<20 || sent.Bytes > 200<<20 {
		t.Errorf("%d bytes sent of a guest with 60 MiB of noise", sent.Bytes)
	}
	if err := to.Continue(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := from.Kill(); err != nil {
		t.Fatal(err)
	}
	talk(t, to)
	if testing.Short() && !still {
		return // by now it is the same guest, however it came
	}
	for _, total := range []int64{cfg.BootMemory + 448<<20, cfg.BootMemory + 128<<20} {
		if now, err := to.Resize(within(t), total); err != nil {
			t.Errorf("resize after the move: %d, %v", now, err)
		}
	}
}

// Given up, the guest runs on where it was; and can be sent again.
func TestSendGivenUp(t *testing.T) {
	for name, still := range map[string]bool{"by qemu": false, "by its hosts": true} {
		t.Run(name, func(t *testing.T) { testSendGivenUp(t, still) })
	}
}

func testSendGivenUp(t *testing.T, still bool) {
	cfg := detached(t)
	from := start(t, cfg)
	g := talk(t, from)
	to, sending := incoming(t, cfg, still)
	if err := to.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Send(within(t), sending); !errors.As(err, new(*vmm.SendError)) {
		t.Errorf("sent to a machine that has ended: %v", err)
	}
	if g.ask("ping") != "pong" {
		t.Error("the guest does not run on")
	}
	to, sending = incoming(t, cfg, still)
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
	_, sending = incoming(t, cfg, !still)
	if _, err := from.Send(within(t), sending); err != nil {
		t.Errorf("sent again: %v", err)
	}
}

// A stranger is not let in: the stream is encrypted, and both sides are known by what their hosts gave them for this move.
func TestSendByStranger(t *testing.T) {
	for name, still := range map[string]bool{"by qemu": false, "by its hosts": true} {
		t.Run(name, func(t *testing.T) { testSendByStranger(t, still) })
	}
}

func testSendByStranger(t *testing.T, still bool) {
	cfg := detached(t)
	from := start(t, cfg)
	to, sending := incoming(t, cfg, still)
	_, stranger, err := vmm.NewIdentities()
	if err != nil {
		t.Fatal(err)
	}
	meant := sending.TLS
	sending.TLS = stranger
	if _, err := from.Send(within(t), sending); err == nil || !strings.Contains(err.Error(), "ertificate") {
		t.Errorf("a stranger sent: %v", err)
	}
	doing(t, from, vmm.Runs)
	if is, err := to.Doing(within(t)); err == nil && is != vmm.Waits {
		t.Errorf("the destination %s", is)
	}
	if !still {
		return // QEMU has had enough of it
	}
	sending.TLS = meant
	if _, err := from.Send(within(t), sending); err != nil {
		t.Errorf("sent by who is meant, after a stranger: %v", err)
	}
}

// between returns an address that leads to another one, and calls act when so many bytes have passed. What passes then, passes if act says so.
func between(t *testing.T, to string, after int64, act func() bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-over })
	go func() {
		defer close(over)
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer far.Close()
		go func() { _, _ = io.Copy(near, far) }()
		if _, err := io.CopyN(far, near, after); err == nil && act() {
			_, _ = io.Copy(far, near)
		}
	}()
	return l.Addr().String()
}

// TestSendBreaks: whatever goes wrong while the memory is on its way, the guest runs on at the source, unless its machine has ended.
func TestSendBreaks(t *testing.T) {
	for name, c := range map[string]struct {
		act   func(from, to *vmm.VM, cancel func()) (passes bool)
		ended bool // the source's machine
	}{
		"link":        {act: func(_, _ *vmm.VM, _ func()) bool { return false }},
		"destination": {act: func(_, to *vmm.VM, _ func()) bool { _ = to.Kill(); return true }},
		"given up":    {act: func(_, _ *vmm.VM, cancel func()) bool { cancel(); return true }},
		"source":      {act: func(from, _ *vmm.VM, _ func()) bool { _ = from.Kill(); return true }, ended: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := detached(t)
			from := start(t, cfg)
			g := talk(t, from)
			to, sending := incoming(t, cfg, true)
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			sending.Memory = between(t, sending.Memory, 1<<20, func() bool { return c.act(from, to, cancel) })
			_, err := from.Send(ctx, sending)
			if c.ended {
				if !errors.Is(err, vmm.ErrNotRunning) {
					t.Errorf("its machine has ended: %v", err)
				}
				return
			}
			if !errors.As(err, new(*vmm.SendError)) {
				t.Errorf("not sent: %v", err)
			}
			doing(t, from, vmm.Runs)
			if g.ask("ping") != "pong" {
				t.Error("the guest does not run on")
			}
		})
	}
}

// TestSendQuiet: QEMU touches nothing of a guest that stands still, also when its host at last reads what it had no room for. (It takes
// nothing more in for a guest that stands still by itself.)
func TestSendQuiet(t *testing.T) {
	cfg := detached(t)
	from := start(t, cfg)
	g := talk(t, from)
	if _, err := from.Resize(within(t), cfg.BootMemory+192<<20); err != nil {
		t.Fatal(err)
	}
	if got := g.ask("noise %d", 60<<20); got != "ok" {
		t.Fatal(got)
	}
	if _, err := from.Port().Write([]byte(strings.Repeat("ping\n", 600))); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // it answers, as far as there is room
	to, sending := incoming(t, cfg, true)
	// It is read when the memory of its kernel, which was there at boot, is on its way already.
	begun := make(chan struct{})
	sending.Memory = between(t, sending.Memory, 50<<20, func() bool { close(begun); time.Sleep(200 * time.Millisecond); return true })
	var reading sync.WaitGroup
	reading.Go(func() {
		<-begun
		_ = from.Port().SetDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, from.Port())
	})
	sums := make(chan [32]byte, 1)
	sending.To = between(t, sending.To, 1, func() bool {
		sum, err := vmm.MemorySum(from)
		sums <- sum
		return err == nil
	})
	if _, err := from.Send(within(t), sending); err != nil {
		t.Fatal(err)
	}
	select {
	case <-begun:
	default:
		t.Fatal("all was sent before it was read")
	}
	if err := to.CameIn(within(t)); err != nil {
		t.Fatal(err)
	}
	if came, err := vmm.MemorySum(to); err != nil || came != <-sums {
		t.Errorf("its memory changed while it stood still: %v", err)
	}
	_ = from.Kill()
	reading.Wait()
}

// TestSendBreaksLate: the destination ends while QEMU sends. Where that had sent all, the guest stands still behind its copy until it is told
// to run on.
func TestSendBreaksLate(t *testing.T) {
	for name, still := range map[string]bool{"by qemu": false, "by its hosts": true} {
		t.Run(name, func(t *testing.T) {
			cfg := detached(t)
			from := start(t, cfg)
			g := talk(t, from)
			to, sending := incoming(t, cfg, still)
			sending.To = between(t, sending.To, 20<<10, func() bool { _ = to.Kill(); return false })
			_, err := from.Send(within(t), sending)
			if err == nil {
				doing(t, from, vmm.Still)
				err = from.Continue(within(t))
			} else if errors.As(err, new(*vmm.SendError)) {
				err = nil
			}
			if err != nil {
				t.Fatal(err)
			}
			doing(t, from, vmm.Runs)
			if g.ask("ping") != "pong" {
				t.Error("the guest does not run on")
			}
		})
	}
}
