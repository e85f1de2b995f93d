// Command silo is the load program as the author of a silo application writes it: it asks for what no
// forecast can foresee before it makes it.
package main

import (
	"context"
	"os"

	"github.com/silo-os/silo/internal/bench/heapload/load"
	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		s, err := load.Parse(os.Args[1:])
		if err != nil {
			return err
		}
		return load.Program{Out: os.Stdout, Reserve: func(bytes int64) (func(), error) {
			r, err := guest.Reserve(ctx, bytes)
			if err != nil {
				return nil, err
			}
			return r.Release, nil
		}}.Run(s)
	})
}
