// Command spin keeps two goroutines busy for as long as it runs, and says what vCPUs it is granted.
package main

import (
	"context"
	"fmt"
	"time"

	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		for range 2 {
			go func() {
				for ctx.Err() == nil {
				}
			}()
		}
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for last := uint32(0); ; {
			if _, milli := guest.Granted(); milli != last {
				fmt.Println("granted", milli)
				last = milli
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}
