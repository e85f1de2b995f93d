// Command hosted is an application as it runs on a laptop.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/silo-os/silo/alloc"
	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		memory, _ := guest.Granted()
		fmt.Printf("hosted %t, named %q, granted %d MiB\n", guest.Hosted(), guest.Name(), memory>>20)
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		r, err := guest.Reserve(ctx, 200<<20)
		var refused *alloc.RefusedError
		if errors.As(err, &refused) {
			fmt.Println("refused")
			return nil
		}
		if err != nil {
			return err
		}
		r.Release()
		fmt.Println("admitted")
		return nil
	})
}
