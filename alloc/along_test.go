package alloc

import (
	"testing"
	"time"
)

// TestAlong: an agent at rest wakes by itself ten times a second if nobody else does, and not at all if somebody does.
func TestAlong(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name        string
		rest        bool
		company     time.Duration // 0 = nobody comes
		own, others int           // looks in ten seconds of which the first is left out, a few more or less
	}{
		{"nobody comes", true, 0, 90, 0},
		{"at rest", true, 200 * ms, 0, 45},
		{"who comes often", true, 10 * ms, 0, 90},
		{"a look that is not at rest", false, 10 * ms, 90, 0},
		{"who comes seldom", true, 2 * time.Second, 52, 2}, // he is counted on for a second, in each two
	} {
		t.Run(c.name, func(t *testing.T) {
			var l along
			own, others := 0, 0
			wake := time.Duration(0)
			for now := ms; now < 10*time.Second; now += ms {
				look := false
				if c.company != 0 && now%c.company == 0 && l.came(now) {
					look = true
					others++
				} else if now >= wake {
					look = true
					own++
				}
				if look {
					wake = now + l.sleep(now, periodMost, c.rest)
				}
				if now == time.Second {
					own, others = 0, 0
				}
			}
			if d := own - c.own; d < -5 || d > 5 {
				t.Errorf("woke %d times by itself, want about %d", own, c.own)
			}
			if d := others - c.others; d < -5 || d > 5 {
				t.Errorf("looked %d times along with others, want about %d", others, c.others)
			}
		})
	}
}

// TestNobodyComesAnyMore: who is counted on and does not come makes one look late, by less than a second.
func TestNobodyComesAnyMore(t *testing.T) {
	var l along
	l.came(time.Second)
	if d := l.sleep(time.Second, periodMost, true); d != alongMost {
		t.Fatalf("sleeps %v with company", d)
	}
	if d := l.sleep(time.Second+alongMost, periodMost, true); d != periodMost {
		t.Errorf("sleeps %v after nobody came", d)
	}
	if l.came(10 * time.Second) {
		t.Error("a look that the agent made by itself is made once more")
	}
}
