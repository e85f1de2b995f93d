package cpushare

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMeter(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		name        string
		t           Times // in one second
		granted     uint32
		used, steal uint32
	}{
		{"idle", Times{}, 1000, 0, 0},
		{"alone", Times{Ran: 2 * s}, 2000, 2000, 0},
		{"two on one processor", Times{Ran: s, Waited: s}, 2000, 1000, 500},
		{"its own quota", Times{Ran: 250 * ms, Waited: 750 * ms, Throttled: 750 * ms}, 250, 250, 0},
		{"its own quota, where waiting for it is not counted", Times{Ran: 250 * ms, Throttled: 750 * ms}, 250, 250, 0},
		{"uses idle time beyond its grant", Times{Ran: 900 * ms, Waited: 100 * ms}, 250, 900, 0},
		{"wants half of its grant, and waits for a quarter of that", Times{Ran: 400 * ms, Waited: 100 * ms}, 1000, 400, 100},
		{"idle, and late now and then", Times{Ran: 45 * ms, Waited: 40 * ms}, 60, 45, 0},
		{"granted nothing", Times{Waited: s}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Meter
			m.Add(10*s, Times{Ran: s, Waited: s, Throttled: s}, c.granted)
			got, ok := m.Add(11*s, Times{Ran: s + c.t.Ran, Waited: s + c.t.Waited, Throttled: s + c.t.Throttled}, c.granted)
			if want := (Reading{Span: s, Used: c.used, Steal: c.steal, Wanted: got.Wanted}); !ok || got != want || got.Wanted < got.Used {
				t.Errorf("%+v, %v; want %+v", got, ok, want)
			}
		})
	}
}

func TestMeterWanted(t *testing.T) {
	const ms = time.Millisecond
	var m Meter
	m.Add(time.Second, Times{}, 100)
	// More than is granted, less than its own quota kept it from.
	if r, _ := m.Add(2*time.Second, Times{Ran: 100 * ms, Waited: 800 * ms, Throttled: 300 * ms}, 100); r.Wanted != 600 || r.Steal != 0 {
		t.Errorf("%+v", r)
	}
}

func TestMeterNeedsTwoReadings(t *testing.T) {
	var m Meter
	if _, ok := m.Add(time.Second, Times{Ran: time.Second}, 1000); ok {
		t.Error("the first reading was compared with nothing")
	}
	if _, ok := m.Add(2*time.Second, Times{}, 1000); ok {
		t.Error("times that go backwards are those of another machine")
	}
	if _, ok := m.Add(2*time.Second, Times{}, 1000); ok {
		t.Error("no time passed")
	}
}

// TestMeterBounds: who got what he was granted lost nothing, and nobody loses more than all.
func TestMeterBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.Int64Range(0, int64(4*time.Second))
		times := Times{time.Duration(d.Draw(t, "ran")), time.Duration(d.Draw(t, "waited")), time.Duration(d.Draw(t, "throttled"))}
		granted := uint32(rapid.IntRange(1, 4000).Draw(t, "granted"))
		var m Meter
		m.Add(time.Second, Times{}, granted)
		r, ok := m.Add(2*time.Second, times, granted)
		if !ok || r.Steal > 1000 || r.Used >= granted && r.Steal != 0 || times.Waited == 0 && r.Steal != 0 {
			t.Errorf("%+v with %d granted: %+v, %v", times, granted, r, ok)
		}
	})
}
