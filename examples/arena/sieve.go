package main

import (
	"context"
	"fmt"

	"github.com/silo-os/silo/alloc"
)

// sieve counts the primes below limit with a bit for each odd number, in an arena: memory that the collector does not
// know, that is granted before it is touched, and that goes back to the host when it is freed.
func sieve(ctx context.Context, arena *alloc.Arena, limit int) (int, error) {
	if limit <= 2 {
		return 0, nil
	}
	odd := limit / 2 // the numbers 1, 3, 5, … below limit
	words, err := alloc.Make[uint64](ctx, arena, odd/64+1)
	if err != nil {
		return 0, fmt.Errorf("sieve below %d: %w", limit, err)
	}
	defer alloc.FreeSlice(arena, words)
	primes := 1 // 2 is one, and in the place of 1, which is none
	for i := 1; i < odd; i++ {
		if words[i/64]&(1<<(i%64)) != 0 {
			continue
		}
		primes++
		n := 2*i + 1
		for j := n * n / 2; j < odd; j += n {
			words[j/64] |= 1 << (j % 64)
		}
	}
	return primes, nil
}
