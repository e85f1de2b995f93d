// Command arena counts primes with a sieve outside the Go heap, and asks for less where the host refuses.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/silo-os/silo/alloc"
	silo "github.com/silo-os/silo/runtime"
)

const (
	// defaultLimit takes 60 MiB.
	defaultLimit = 1_000_000_000

	// patience is how long a host may take to find the memory.
	patience = 5 * time.Second
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		limit := defaultLimit
		if len(os.Args) > 1 {
			n, err := strconv.Atoi(os.Args[1])
			if err != nil || n < 0 {
				return fmt.Errorf("limit %q: want a number", os.Args[1])
			}
			limit = n
		}
		arena, err := guest.NewArena(alloc.ArenaConfig{})
		if err != nil {
			return err
		}
		defer arena.Close()
		below, primes, err := countGranted(ctx, arena, limit, patience)
		if err != nil {
			return err
		}
		fmt.Printf("arena: %d primes below %d\n", primes, below)
		return nil
	})
}

// countGranted counts as far as memory is granted: where the host refuses it takes half the limit, and says so.
func countGranted(ctx context.Context, arena *alloc.Arena, limit int, patience time.Duration) (below, primes int, err error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, patience)
		primes, err := sieve(waiting, arena, limit)
		cancel()
		var refused *alloc.RefusedError
		if !errors.As(err, &refused) || ctx.Err() != nil {
			return limit, primes, err
		}
		fmt.Printf("arena: %d MiB were refused (%s), trying with half\n", refused.Wanted>>20, refused.Limit)
		limit /= 2
	}
}
