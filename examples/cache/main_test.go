package main

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/silo-os/silo/alloc"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/hvcall/hvcalltest"
	"github.com/silo-os/silo/runtime/silotest"
)

// TestShrinksUnderPressure: the host takes memory back, and the cache is smaller than what is left.
func TestShrinksUnderPressure(t *testing.T) {
	guest, host := silotest.Start(t, hvcalltest.Script{Memory: hvcall.MemoryBounds{Boot: 32 << 20, Max: 1 << 30}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := newCache()
	for i := range 800 { // 200 MiB
		c.get(strconv.Itoa(i), render)
	}
	if _, err := host.Granted.Wait(ctx, func(g hvcall.Grant) bool { return g.Memory > 200<<20 }); err != nil {
		t.Fatal(err)
	}
	relieved := make(chan alloc.Pressure, 100)
	guest.OnPressure(func(p alloc.Pressure) {
		c.relieve(p)
		relieved <- p
	})
	if err := host.Do(hvcalltest.Shrinking{To: 100 << 20, Within: time.Second}); err != nil {
		t.Fatal(err)
	}
	for c.size() > 100<<20 {
		select {
		case <-relieved:
		case <-ctx.Done():
			t.Fatalf("%d MiB are kept, 100 granted", c.size()>>20)
		}
	}
	// What was dropped is given back: the program says that it holds no more than it may.
	if _, err := host.Usages.WaitFrom(ctx, host.Usages.Len(), func(u hvcall.Usage) bool { return u.Application <= 100<<20 }); err != nil {
		t.Error(err)
	}
}

func TestCache(t *testing.T) {
	c := newCache()
	made := 0
	value := func(name string) []byte { made++; return []byte(name) }
	for _, name := range []string{"aa", "bb", "cc", "aa"} {
		if got := c.get(name, value); string(got) != name {
			t.Errorf("%s: %q", name, got)
		}
	}
	if dropped := c.shrinkTo(4); dropped != 2 || c.size() != 4 || made != 3 {
		t.Errorf("dropped %d, kept %d, made %d", dropped, c.size(), made)
	}
	c.get("aa", value) // used last, so it was kept
	c.get("bb", value)
	if made != 4 {
		t.Errorf("made %d times", made)
	}
	if got := c.relieve(alloc.PressureNone); got != 0 {
		t.Errorf("without pressure %d dropped", got)
	}
	if c.relieve(alloc.PressureHigh); c.size() != 0 {
		t.Errorf("kept %d", c.size())
	}
}
