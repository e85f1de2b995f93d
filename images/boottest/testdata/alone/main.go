// Command alone tells what an application has in a machine that silo did not start.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/silo-os/silo/alloc"
	silo "github.com/silo-os/silo/runtime"
)

func main() {
	guest, err := silo.Start()
	if err != nil {
		fmt.Println("start:", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = guest.Reserve(ctx, 100<<20)
	fmt.Println("alone: 100 of 256 MiB are refused with:", err)
	fmt.Println("alone: vCPUs when two are wanted:", widest(ctx, guest))
	_, err = guest.Reserve(context.Background(), 1<<30)
	var refused *alloc.RefusedError
	fmt.Printf("alone: 1 GiB is refused for good: %t\n", errors.As(err, &refused) && refused.Err == nil)
	fmt.Fprintf(os.Stderr, "alone: it is %d or later: %t\n", 2024, time.Now().Year() >= 2024)
	os.Exit(3)
}

// widest keeps two goroutines busy until two vCPUs are granted, and returns how many are.
func widest(ctx context.Context, guest *silo.Guest) uint32 {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range 2 {
		go func() {
			for ctx.Err() == nil {
			}
		}()
	}
	for {
		if _, milli := guest.Granted(); milli >= 2000 || ctx.Err() != nil {
			return milli / 1000
		}
		time.Sleep(5 * time.Millisecond)
	}
}
