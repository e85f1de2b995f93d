package load

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScenarioThroughItsArguments(t *testing.T) {
	want := Scenario{Load: Ramp, Rate: 50, Top: 256, Idle: 2 * time.Second, Silent: 3 * time.Second}
	got, err := Parse(want.Args())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if d := want.Nominal(); d != 10120*time.Millisecond {
		t.Errorf("nominal %v", d)
	}
	for _, bad := range [][]string{{"-top", "0"}, {"-rate", "-1"}, {"-idle", "soon"}} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

func TestPaceDoesNotCatchUp(t *testing.T) {
	p := pace{rate: 1000}
	spent := int64(0)
	spend := func(now time.Duration) {
		for p.ready(now) {
			p.spend(10)
			spent += 10
		}
	}
	for ms := range 100 {
		spend(time.Duration(ms*10) * time.Millisecond)
	}
	if spent < 980 || spent > 1010 {
		t.Errorf("allocated %d in a second at 1000 a second", spent)
	}
	spent = 0
	spend(11 * time.Second)
	if spent < 90 || spent > 110 {
		t.Errorf("allocated %d at once after ten seconds of standstill, want a tenth of a second's", spent)
	}
}

func TestStoreKeepsItsBooks(t *testing.T) {
	s := newStore()
	for range 1000 {
		s.add()
	}
	for range 100 {
		s.replace()
	}
	sum := func() (n int64) {
		for _, v := range s.values {
			n += int64(len(v))
		}
		return n
	}
	if s.live != sum() || s.ops != 1100*(1+lookups) {
		t.Errorf("live %d, sum %d, ops %d", s.live, sum(), s.ops)
	}
	before := s.live
	if d := s.dropTo(mib); d != before-s.live || s.live > mib || s.live != sum() {
		t.Errorf("dropped %d of %d, live %d", d, before, s.live)
	}
	if s.dropTo(0); s.values != nil || s.live != 0 {
		t.Errorf("%d bytes live after all was dropped", s.live)
	}
}

func TestParseUsage(t *testing.T) {
	used, total, err := parseUsage([]byte("MemTotal:        100 kB\nMemFree:          10 kB\nMemAvailable:     30 kB\n"))
	if used != 70<<10 || total != 100<<10 || err != nil {
		t.Errorf("%d of %d, %v", used, total, err)
	}
	for _, bad := range []string{"", "MemTotal: 1 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n"} {
		if _, _, err := parseUsage([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestCost: what the program did is counted, and what it did before is not.
func TestCost(t *testing.T) {
	work := func() {
		b := make([]byte, 16*mib)
		for end := costNow().User + 0.02; costNow().User < end; {
			touch(b)
		}
	}
	work()
	before := costNow()
	var c Cost
	c.grow(before)
	if c.User > 0.01 || c.Faults > 100 {
		t.Errorf("nothing was done: %+v", c)
	}
	work()
	c.grow(before)
	if c.User < 0.02 || c.User > before.User+1 || c.Faults < 1 {
		t.Errorf("%+v, from %+v on", c, before)
	}
}

// TestScenarios runs each load small, in virtual time, and reads what it tells.
func TestScenarios(t *testing.T) {
	for _, c := range []struct {
		Scenario
		want string
	}{
		{Scenario{Load: Ramp, Rate: 10, Top: 4}, "start busy full dropped done"},
		{Scenario{Load: Large, Top: 4}, "start busy full dropped done"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			r := &run{Scenario: c.Scenario, teller: newTeller(&out), store: newStore()}
			r.say(Start, 0)
			play := map[string]func() error{Ramp: r.ramp, Large: r.large}[c.Load]
			if err := play(); err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for line := range strings.Lines(out.String()) {
				var e Event
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatal(err)
				}
				kinds = append(kinds, string(e.Kind))
				if e.Kind == Dropped && (e.Bytes < 4*mib || e.Bytes > 5*mib) {
					t.Errorf("%s dropped %d bytes", c.Load, e.Bytes)
				}
			}
			if got := strings.Join(kinds, " "); got != c.want {
				t.Errorf("%s told %q, want %q", c.Load, got, c.want)
			}
		})
	}
	if err := (Program{}).Run(Scenario{Load: "none"}); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("a load that there is not: %v", err)
	}
}
