package main

import (
	"context"
	"errors"
	"testing"

	silo "github.com/silo-os/silo/runtime"
)

func TestCountHosted(t *testing.T) {
	guest, err := silo.Start()
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int64{0: 0, 2: 0, 3: 1, 100: 25, 100_000: 9592} {
		if n, err := count(guest.NewPool(t.Context()), limit); n != want || err != nil {
			t.Errorf("below %d: %d, %v; want %d", limit, n, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := count(guest.NewPool(ctx), 100_000); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
