// Command batch counts primes in a pool of goroutines that is as wide as the guest's grant of vCPUs.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"

	silo "github.com/silo-os/silo/runtime"
)

// defaultLimit takes a few seconds on one vCPU.
const defaultLimit = 5_000_000

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
		var widest atomic.Int64
		guest.OnGrant(func(vcpus int) {
			fmt.Printf("batch: %d vCPUs\n", vcpus)
			widest.Store(max(widest.Load(), int64(vcpus)))
		})
		n, err := count(guest.NewPool(ctx), limit)
		if err != nil {
			return err
		}
		fmt.Printf("batch: %d primes below %d, on at most %d vCPUs\n", n, limit, widest.Load())
		return nil
	})
}
