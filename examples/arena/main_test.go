package main

import (
	"errors"
	"testing"
	"time"

	"github.com/silo-os/silo/alloc"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/runtime/silotest"
)

func TestSieve(t *testing.T) {
	arena, err := alloc.NewArena(nil, alloc.ArenaConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	for limit, want := range map[int]int{0: 0, 2: 0, 3: 1, 4: 2, 9: 4, 10: 4, 100: 25, 121: 30, 122: 30, 1_000_000: 78498} {
		if n, err := sieve(t.Context(), arena, limit); n != want || err != nil {
			t.Errorf("below %d: %d, %v; want %d", limit, n, err, want)
		}
	}
}

// TestTakesWhatIsGranted: refused for good, the program goes on with half, and what it used is demanded no more.
func TestTakesWhatIsGranted(t *testing.T) {
	guest, host := silotest.StartText(t, "memory 24M:32M\ncpus 1:1")
	arena, err := guest.NewArena(alloc.ArenaConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	below, primes, err := countGranted(t.Context(), arena, 400_000_000, time.Minute) // 24 MiB
	if err != nil || below != 100_000_000 && below != 200_000_000 || primes == 0 {
		t.Fatalf("%d primes below %d, %v", primes, below, err)
	}
	if d, err := host.Demands.Wait(t.Context(), func(d hvcall.Demand) bool { return d.Memory > 32<<20 }); err != nil || d.Floor > 32<<20 {
		t.Errorf("demanded %+v, %v", d, err)
	}
	if n := host.Overruns.Len(); n > 0 {
		t.Errorf("a thread would have waited %d times", n)
	}
	if err := arena.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sieve(t.Context(), arena, 100); !errors.Is(err, alloc.ErrArenaClosed) {
		t.Errorf("closed: %v", err)
	}
}
