// Command late grows its Go heap at a steady pace, faster than a late host grants, while a goroutine that
// allocates nothing counts how long it could not run.
package main

import (
	"fmt"
	"time"

	"github.com/silo-os/silo/internal/elastictest/testdata/heart"
	_ "github.com/silo-os/silo/runtime/auto"
)

const (
	size = 32 << 10
	pace = 50 << 20 // bytes a second
	most = 120 << 20
)

var keep [][]byte

func main() {
	gap := heart.Beat()
	start := time.Now()
	for n := 0; n < most; n += size {
		b := make([]byte, size)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		keep = append(keep, b)
		time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / pace)))
	}
	fmt.Printf("grew to %d MiB, longest gap %d ms\n", most>>20, gap().Milliseconds())
}
