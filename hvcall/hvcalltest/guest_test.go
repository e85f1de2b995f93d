package hvcalltest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// hostOf is a host of this package over a real connection to a guest.
func hostOf(t *testing.T, cfg GuestConfig) (*Host, *Guest) {
	rw, g := StartGuest(t, cfg)
	h := NewHost(rw, HostConfig{})
	keepServing(t, h.Serve)
	return h, g
}

func TestGuestObeysLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := hostOf(t, GuestConfig{Manner: Manner{Delay: time.Second}})
		start := time.Now()
		h.Grant(hvcall.Grant{Memory: 512 * mib, MilliCPU: 2500})
		u, err := h.Usages.Wait(t.Context(), nil)
		want := hvcall.Usage{Applied: 2, Total: 512 * mib, MilliCPU: 2500, Online: 3}
		if err != nil || u != want || time.Since(start) != time.Second {
			t.Errorf("%+v after %v, %v; want %+v", u, time.Since(start), err, want)
		}
		if g.Holding().Memory != 512*mib {
			t.Errorf("holds %+v", g.Holding())
		}
	})
}

func TestGuestRefusesToShrink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := hostOf(t, GuestConfig{Manner: Manner{RefuseShrink: true}})
		h.Grant(hvcall.Grant{Memory: 512 * mib, MilliCPU: 2000})
		h.Shrink(64*mib, time.Second)
		h.Grant(hvcall.Grant{Memory: 512 * mib, MilliCPU: 1000})
		time.Sleep(time.Minute)
		if g.Holding().Memory != 512*mib || g.Holding().MilliCPU != 2000 || h.Usages.Len() != 1 {
			t.Errorf("holds %+v, told %d times", g.Holding(), h.Usages.Len())
		}
		if g.Grants.Len() != 3 {
			t.Errorf("heard %d grants", g.Grants.Len())
		}
		g.SetManner(Manner{})
		h.Shrink(64*mib, time.Second)
		synctest.Wait()
		if g.Holding().Memory != 64*mib {
			t.Errorf("an obedient guest holds %+v", g.Holding())
		}
	})
}

// TestGuestNewestWins: a grant that comes again, or late, does not undo a newer one.
func TestGuestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := hostOf(t, GuestConfig{})
		for _, serial := range []uint64{5, 5, 4, 6, 1} {
			if err := h.Conn().SendGrant(hvcall.Grant{Serial: serial, Memory: serial * mib}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if g.Holding().Serial != 6 || h.Usages.Len() != 2 {
			t.Errorf("holds %+v, told %d times", g.Holding(), h.Usages.Len())
		}
	})
}

func TestGuestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := hostOf(t, GuestConfig{})
		first := demand(t, g, 128*mib, 1000)
		synctest.Wait()
		second := demand(t, g, 256*mib, 1000)
		if err := g.Restate(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		got := h.Demands.All()
		if len(got) != 3 || got[0] != first || got[1] != second || got[2] != second {
			t.Errorf("heard %+v", got)
		}
		if first.Revision != 1 || second.Revision != 2 || second.Applied != 2 {
			t.Errorf("stated %+v, %+v", first, second)
		}
	})
}

func TestGuestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := hostOf(t, GuestConfig{})
		ask := hvcall.Shutdown{Within: 3 * time.Second}
		if err := h.Conn().AskShutdown(t.Context(), ask); err != nil {
			t.Error(err)
		}
		g.SetManner(Manner{RefuseEnd: true})
		var fault *hvcall.Fault
		if err := h.Conn().AskShutdown(t.Context(), ask); !errors.As(err, &fault) || fault.Code != hvcall.CodeOrder {
			t.Errorf("a guest that refuses: %v", err)
		}
		if got := g.Shutdowns.All(); len(got) != 2 || got[0] != ask {
			t.Errorf("heard %+v", got)
		}
		if _, err := h.Conn().Call(t.Context(), hvcall.OpHello, nil); err == nil || g.Refused.Len() != 2 {
			t.Errorf("a host that says Hello: %v, %d refused", err, g.Refused.Len())
		}
		g.Close()
		<-h.Conn().Done()
	})
}

// TestGuestRaw: garbage reaches the host's reader as it is.
func TestGuestRaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rw, g := StartGuest(t, GuestConfig{})
		served := make(chan error)
		c := hvcall.NewConn(rw, hvcall.Config{})
		go func() { served <- c.Serve(t.Context(), nil) }()
		if err := g.SendRaw([]byte(strings.Repeat("x", 64))); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		var bad *hvcall.FrameError
		if err := <-served; !errors.As(err, &bad) || bad.Field != "magic" {
			t.Errorf("serve: %v", err)
		}
	})
}

func TestGuestIsProfiled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := hostOf(t, GuestConfig{})
		want := hvcall.Profile{Kind: hvcall.ProfileHeap}
		got, err := h.Conn().AskProfile(t.Context(), want)
		if err != nil || string(got) != "heap" {
			t.Errorf("%q, %v", got, err)
		}
		if asked, err := g.Profiles.Wait(t.Context(), nil); err != nil || asked != want {
			t.Errorf("asked for %+v, %v", asked, err)
		}
	})
}
