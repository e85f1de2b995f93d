package node

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
)

func TestSilence(t *testing.T) {
	const s = time.Second
	quiet := look{span: s}
	for _, c := range []struct {
		name  string
		looks []look
		over  int // the look at which it is over; 0 = never
	}{
		{"answers", []look{{span: s, heard: true}, {span: s, heard: true}, {span: s, heard: true}, {span: s, heard: true}, {span: s, heard: true}}, 0},
		{"silent", []look{quiet, quiet, quiet, quiet}, 4},
		{"answers at last", []look{quiet, quiet, quiet, {span: s, heard: true}, quiet, quiet, quiet}, 0},
		{"stands still", []look{quiet, quiet, quiet, {span: s, still: true}, {span: s, still: true}, quiet, quiet, quiet, quiet}, 9},
		{"has half of the time", []look{{span: s, steal: 500}, {span: s, steal: 500}, {span: s, steal: 500}, {span: s, steal: 500}, quiet, quiet}, 6},
		{"has no time", []look{{span: s, steal: 1000}, {span: s, steal: 1000}, {span: s, steal: 1000}, {span: s, steal: 1001}, {span: s, steal: 1000}}, 0},
	} {
		sil := silence{most: 4 * s}
		over := 0
		for i, l := range c.looks {
			if sil.saw(l) && over == 0 {
				over = i + 1
			}
		}
		if over != c.over {
			t.Errorf("%s: over at look %d, want %d", c.name, over, c.over)
		}
	}
}

// deaf is a guest's port that can lose all that it is to bring.
type deaf struct {
	net.Conn
	now atomic.Bool
}

func (d *deaf) Read(b []byte) (int, error) {
	for {
		if n, err := d.Conn.Read(b); err != nil || !d.now.Load() {
			return n, err
		}
	}
}

// doingVM is a machine that says what it does.
type doingVM struct {
	vmm.Machine
	doing func() (vmm.Doing, error)
}

func (m doingVM) Doing(context.Context) (vmm.Doing, error) { return m.doing() }

// TestSilentGuestIsEnded: and nobody else is.
func TestSilentGuestIsEnded(t *testing.T) {
	const within = 8 * time.Second
	is := func(d vmm.Doing, err error) func() (vmm.Doing, error) {
		return func() (vmm.Doing, error) { return d, err }
	}
	for _, c := range []struct {
		name    string
		within  time.Duration
		doing   func() (vmm.Doing, error)
		happens func(t *testing.T, guest *hvcalltest.Guest, port *deaf)
		silent  bool
	}{
		{name: "hangs", within: within, doing: is(vmm.Runs, nil), happens: goDeaf, silent: true},
		{name: "nobody looks", doing: is(vmm.Runs, nil), happens: goDeaf},
		{name: "is moved", within: within, doing: is(vmm.Copies, nil), happens: goDeaf},
		{name: "is stopped", within: within, doing: is(vmm.Still, nil), happens: goDeaf},
		{name: "qemu is stopped", within: within, doing: is("", errors.New("no answer")), happens: goDeaf},
		{name: "is well", within: within, doing: is(vmm.Runs, nil), happens: func(*testing.T, *hvcalltest.Guest, *deaf) {}},
		{name: "hears late", within: within, doing: is(vmm.Runs, nil), happens: func(_ *testing.T, _ *hvcalltest.Guest, port *deaf) {
			port.now.Store(true)
			time.AfterFunc(within/2, func() { port.now.Store(false) })
		}},
		{name: "hears nothing but speaks", within: within, doing: is(vmm.Runs, nil), happens: func(t *testing.T, guest *hvcalltest.Guest, port *deaf) {
			port.now.Store(true)
			for range 20 {
				time.Sleep(time.Second)
				if err := guest.Conn().SendUsage(hvcall.Usage{}); err != nil {
					t.Error(err)
				}
			}
			port.now.Store(false)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
				r.raw, r.doing = true, c.doing
				g, err := r.Start(t.Context(), GuestSpec{AnswerWithin: c.within, HelloDeadline: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				vm, _ := r.last()
				port := &deaf{Conn: vm.GuestPort()}
				guest := hvcalltest.NewGuest(port, hvcalltest.GuestConfig{})
				served := make(chan struct{})
				go func() { guest.Serve(context.Background()); close(served) }()
				time.Sleep(2 * within) // it takes its time to boot
				if _, err := guest.SayHello(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * within) // and to get going
				r.demand(guest, 64*mib, 1000)
				time.Sleep(within)
				start := time.Now()
				c.happens(t, guest, port)
				select {
				case <-g.Done():
				case <-time.After(2 * within):
					g.Kill()
				}
				took := time.Since(start)
				e, err := g.Wait()
				if silent := e.Cause == hvcall.CauseSilent; err != nil || silent != c.silent {
					t.Errorf("ended by %+v, %v", e, err)
				}
				if c.silent && (e.Code != CodeSilent || e.Text != "it answered nothing for 8s" || took < within || took > within+within/looksIn) {
					t.Errorf("after %v by %+v", took, e)
				}
				<-served
			})
		})
	}
}

func goDeaf(_ *testing.T, _ *hvcalltest.Guest, port *deaf) { port.now.Store(true) }
