package alloc

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
)

func TestPressure(t *testing.T) {
	const latency = 0.05
	for _, c := range []struct {
		name                         string
		held, limit, granted, stated int64
		waited                       time.Duration
		answered                     bool
		want                         Pressure
	}{
		{"enough", 50, 90, 100, 100, time.Hour, true, PressureNone},
		{"on its way", 95, 100, 100, 200, 100 * time.Millisecond, false, PressureNone},
		{"late", 50, 100, 100, 200, 300 * time.Millisecond, false, PressureSome},
		{"refused", 50, 100, 100, 200, 0, true, PressureSome},
		{"refused and near", 95, 100, 100, 200, 0, true, PressureHigh},
	} {
		if got := pressure(c.held*mib, c.limit*mib, c.granted*mib, c.stated*mib, c.waited, latency, c.answered); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPressureIsToldAndReleased(t *testing.T) {
	reserveHost(t, 10*time.Millisecond, 128<<20, func(t *testing.T, a *Agent) {
		heard := make(chan Pressure, 10)
		a.OnPressure(func(p Pressure) { heard <- p })
		a.mu.Lock()
		ticket := a.gov.Reserve(1 << 30) // a demand that cannot be met, and stands
		a.parked[ticket] = parked{bytes: 1 << 30, done: make(chan error, 1)}
		a.mu.Unlock()
		a.poke()
		time.Sleep(time.Second)
		if p := <-heard; p != PressureSome {
			t.Errorf("heard %v, want some", p)
		}
		a.Grant(hvcall.Grant{Memory: 4 << 30}, true)
		synctest.Wait()
		if p := <-heard; p != PressureNone {
			t.Errorf("heard %v after the grant", p)
		}
	})
}
