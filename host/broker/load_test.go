package broker

import (
	"slices"
	"testing"
	"time"
)

func TestLoadClaims(t *testing.T) {
	const least, most = 250 * time.Millisecond, time.Minute
	var now time.Duration
	read := func(l Load, granted, used, steal int64, n int) Load {
		for range n {
			now += least
			l = l.lifted(now).ran(now, granted, Ran{Used: used, Steal: steal}, least, most)
		}
		return l
	}
	for _, c := range []struct {
		name                 string
		granted, used, steal int64
		readings             int
		plenty, scarce       int64
	}{
		{"not measured", 2000, 0, 0, 0, 2000, 2000},
		{"once idle", 2000, 10, 0, 1, 2000, 2000},
		{"idle", 2000, 10, 0, 2, 2000, 50},
		{"idle with next to nothing", 50, 200, 0, 4, 2000, 50},
		{"busy with next to nothing", 50, 600, 0, 4, 2000, 2000},
		{"an eighth of its vCPUs", 2000, 250, 0, 4, 2000, 2000},
		{"others took half", 2000, 1000, 500, 4, 1000, 1000},
		{"others took half, for less than a second", 2000, 1000, 500, 3, 2000, 2000},
		{"others took little", 2000, 1600, 200, 9, 2000, 2000},
		{"others took half of its one", 1000, 500, 500, 9, 2000, 2000},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := read(Load{}, c.granted, c.used, c.steal, c.readings)
			if plenty, scarce := l.claims(2000, 50, false), l.claims(2000, 50, true); plenty != c.plenty || scarce != c.scarce {
				t.Errorf("claims %d, and %d where it is scarce; want %d, %d: %+v", plenty, scarce, c.plenty, c.scarce, l)
			}
		})
	}
}

// TestCrowdIsTriedAgain: more is tried ever more rarely while it does not fit, and as before once it does.
func TestCrowdIsTriedAgain(t *testing.T) {
	const least, most = time.Second, time.Minute
	var l Load
	tries, now := 0, time.Duration(0)
	minute := func(crowd int64) {
		for range 240 {
			now += 250 * time.Millisecond
			was := l.Most
			l = l.lifted(now)
			if was != 0 && l.Most == 0 {
				tries++
			}
			granted, steal := int64(2000), crowd
			if l.Most != 0 {
				granted, steal = l.Most, 0
			}
			l = l.ran(now, granted, Ran{Used: 1000, Steal: steal}, least, most)
		}
	}
	minute(500)
	if tries < 3 || tries > 7 {
		t.Errorf("tried %d times in the first minute", tries)
	}
	minute(0)
	minute(0)
	minute(0)
	if l.Most != 0 || l.Lift != (Retry{}) {
		t.Errorf("three minutes after the crowd: %+v", l)
	}
}

// TestIdleIsNoNoise: who is idle stays so until it has work to speak of, or says that it has.
func TestIdleIsNoNoise(t *testing.T) {
	var l Load
	var idle []bool
	for _, used := range []int64{2000, 200, 300, 200, 200, 300, 400, 300, 500, 300} {
		l = l.ran(0, 2000, Ran{Used: used}, time.Second, time.Minute)
		idle = append(idle, l.Idle)
	}
	if want := []bool{false, false, false, false, true, true, true, true, false, false}; !slices.Equal(idle, want) {
		t.Errorf("got  %v\nwant %v", idle, want)
	}
	l = l.ran(0, 2000, Ran{}, time.Second, time.Minute).ran(0, 2000, Ran{}, time.Second, time.Minute)
	once := l.ran(0, 2000, Ran{Used: 267, Wanted: 585}, time.Second, time.Minute)
	if !once.Idle {
		t.Errorf("idle, and kept waiting once: %+v", once)
	}
	if kept := once.ran(0, 2000, Ran{Used: 20, Wanted: 900}, time.Second, time.Minute); kept.Idle || kept.Low != 0 {
		t.Errorf("kept from working by others: %+v", kept)
	}
	if late := l.ran(0, 2000, Ran{Used: 80, Wanted: 300}, time.Second, time.Minute); !late.Idle {
		t.Errorf("idle, and late now and then: %+v", late)
	}
	if l.woken().Idle || !l.Idle {
		t.Errorf("idle %v, woken %v", l.Idle, l.woken().Idle)
	}
}
