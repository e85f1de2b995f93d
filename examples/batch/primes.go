package main

import (
	"context"
	"sync/atomic"
)

// pool is where the work is done. A guest's is one.
type pool interface {
	Go(func(context.Context) error)
	Wait() error
}

// chunk is how many numbers are looked at in one go.
const chunk = 10_000

// count counts the primes below a limit, chunk by chunk in whatever order there is room for.
func count(p pool, limit int) (int64, error) {
	var primes atomic.Int64
	for from := 0; from < limit; from += chunk {
		p.Go(func(ctx context.Context) error {
			for n := from; n < min(from+chunk, limit); n++ {
				if prime(n) {
					primes.Add(1)
				}
			}
			return ctx.Err()
		})
	}
	err := p.Wait()
	return primes.Load(), err
}

func prime(n int) bool {
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return n > 1
}
