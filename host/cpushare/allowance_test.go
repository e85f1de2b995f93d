package cpushare

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name           string
		a              Allowance
		threads        int
		machine, vcpus setting
	}{
		{"a fraction for ever is a quota of exactly that", Allowance{Milli: 250, Max: 250}, 1, setting{weight: 250, cap: 750}, setting{weight: 250, cap: 250}},
		{"a fraction of more may use idle time of one vCPU", Allowance{Milli: 250, Max: 2000}, 2, setting{weight: 250, cap: 1550}, setting{weight: 250, cap: 1050}},
		{"one of two", Allowance{Milli: 1000, Max: 2000}, 2, setting{weight: 1000, cap: 1550}, setting{weight: 1000, cap: 1050}},
		{"one and a half of two", Allowance{Milli: 1500, Max: 2000}, 2, setting{weight: 1500, cap: 2500}, setting{weight: 1500}},
		{"one and a half at most", Allowance{Milli: 1500, Max: 1500}, 2, setting{weight: 1500, cap: 2000}, setting{weight: 1500, cap: 1500}},
		{"all", Allowance{Milli: 2000, Max: 2000}, 2, setting{weight: 2000, cap: 2500}, setting{weight: 2000}},
		{"no bound", Allowance{Milli: 700, Max: 0}, 4, setting{weight: 700, cap: 1550}, setting{weight: 700, cap: 1050}},
		{"last, with a fraction", Allowance{Milli: 50, Max: 2000, Last: true}, 2, setting{weight: 100, cap: 100, idle: true}, setting{weight: 100, cap: 50}},
		{"last, with all", Allowance{Milli: 2000, Max: 2000, Last: true}, 2, setting{weight: 2000, cap: 2050, idle: true}, setting{weight: 2000, cap: 2000}},
		{"next to nothing", Allowance{Milli: 1, Max: 1}, 1, setting{weight: 100, cap: 501}, setting{weight: 100, cap: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if machine, vcpus := c.a.settings(c.threads); machine != c.machine || vcpus != c.vcpus {
				t.Errorf("machine %+v, vCPUs %+v; want %+v, %+v", machine, vcpus, c.machine, c.vcpus)
			}
		})
	}
}

// TestSettingsHold: whatever is granted may be used, never more than the whole vCPUs it takes, and QEMU's own threads
// always have their room.
func TestSettingsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threads := rapid.IntRange(1, 64).Draw(t, "threads")
		most := uint32(rapid.IntRange(1, threads*1000).Draw(t, "max"))
		a := Allowance{Milli: uint32(rapid.IntRange(1, int(most)).Draw(t, "granted")), Max: most}
		machine, vcpus := a.settings(threads)
		used := vcpus.cap
		if used == 0 {
			used = int64(threads) * 1000
		}
		if used < int64(a.Milli) || used > wholes(int64(a.Milli))+slack || vcpus.cap != 0 && used > int64(a.Max)+slack {
			t.Errorf("%+v of %d vCPUs: capped at %d", a, threads, used)
		}
		if machine.cap < used+ioRoom {
			t.Errorf("%+v of %d vCPUs: the machine has %d, its vCPUs %d", a, threads, machine.cap, used)
		}
	})
}

func TestQuotas(t *testing.T) {
	for milli, want := range map[int64]quota{
		1: {1000, 1_000_000}, 10: {1000, 100_000}, 49: {1000, 20_408}, 50: {1000, 20_000}, 250: {5000, 20_000}, 1050: {21_000, 20_000}, 64_000: {1_280_000, 20_000},
	} {
		if got := quotaOf(milli); got != want {
			t.Errorf("%d thousandths: %+v, want %+v", milli, got, want)
		}
	}
	for milli, want := range map[int64][2]int64{1: {2, 1}, 100: {102, 10}, 1000: {1024, 100}, 1_000_000: {262_144, 10_000}} {
		if got := [2]int64{sharesOf(milli), weightOf(milli)}; got != want {
			t.Errorf("weight of %d: %v, want %v", milli, got, want)
		}
	}
}
