// Command pinned says what became of the GOMAXPROCS in its environment.
package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		var g sync.WaitGroup
		end := time.Now().Add(3 * time.Second)
		for range 4 {
			g.Go(func() {
				for time.Now().Before(end) {
				}
			})
		}
		g.Wait()
		_, milli := guest.Granted()
		fmt.Printf("GOMAXPROCS is %d, granted %d\n", runtime.GOMAXPROCS(0), milli)
		return nil
	})
}
