// Command cache fills a cache with as much as it is granted, and empties it when the host wants memory back.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/silo-os/silo/alloc"
	silo "github.com/silo-os/silo/runtime"
)

// pageBytes is the size of one rendered page.
const pageBytes = 256 << 10

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		pages := 1000
		if len(os.Args) > 1 {
			n, err := strconv.Atoi(os.Args[1])
			if err != nil || n < 1 {
				return fmt.Errorf("pages %q: want a number", os.Args[1])
			}
			pages = n
		}
		c := newCache()
		guest.OnPressure(func(p alloc.Pressure) {
			dropped := c.relieve(p)
			fmt.Printf("cache: pressure %s, %d MiB dropped, %d MiB kept\n", p, dropped>>20, c.size()>>20)
		})
		if err := guest.Ready(); err != nil {
			return err
		}
		if err := serve(ctx, c, pages); err != nil {
			return err
		}
		fmt.Printf("cache: %d pages served, %d MiB kept\n", pages, c.size()>>20)
		return nil
	})
}

// serve asks for so many pages, each different, ten milliseconds apart.
func serve(ctx context.Context, c *cache, pages int) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range pages {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		c.get(strconv.Itoa(i), render)
	}
	return nil
}

// render makes a page.
func render(name string) []byte {
	page := make([]byte, pageBytes)
	for i := range page {
		page[i] = name[i%len(name)]
	}
	return page
}
