package broker

import (
	"strings"
	"testing"
)

func TestBoundsNormal(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name string
		in   Bounds
		want Bounds
		err  string
	}{
		{name: "defaults", in: Bounds{Boot: 64 * mib}, want: Bounds{Boot: 64 * mib, Min: 64 * mib, Max: 64 * mib, MinMilli: 1000, MaxMilli: 1000, Weight: 100}},
		{name: "whole blocks above boot", in: Bounds{Boot: 65 * mib, Min: 66 * mib, Max: 70 * mib},
			want: Bounds{Boot: 65 * mib, Min: 67 * mib, Max: 69 * mib, MinMilli: 1000, MaxMilli: 1000, Weight: 100}},
		{name: "less than one vCPU", in: Bounds{Boot: mib, MaxMilli: 250}, want: Bounds{Boot: mib, Min: mib, Max: mib, MinMilli: 250, MaxMilli: 250, Weight: 100}},
		{name: "no boot memory", in: Bounds{Max: mib}, err: "positive"},
		{name: "max below min", in: Bounds{Boot: 64 * mib, Min: 128 * mib, Max: 100 * mib}, err: "at most 100 MiB of memory is less than at least 128 MiB"},
		{name: "max below boot", in: Bounds{Boot: 64 * mib, Max: 32 * mib}, err: "at most 32 MiB of memory is less than at least 64 MiB"},
		{name: "vCPUs", in: Bounds{Boot: mib, MinMilli: 2000, MaxMilli: 1000}, err: "at most 1000 mCPU is less than at least 2000 mCPU"},
		{name: "too heavy", in: Bounds{Boot: mib, Weight: 1 << 31}, err: "out of range"},
		{name: "too large", in: Bounds{Boot: mib, Max: 1 << 60}, err: "out of range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.in.normal(2 * mib)
			switch {
			case c.err == "" && (err != nil || got != c.want):
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("got error %v, want one with %q", err, c.err)
			}
		})
	}
}
