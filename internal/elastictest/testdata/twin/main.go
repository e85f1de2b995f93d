// Command twin tells what a copy of its guest must not have in common with another one, and what must be right.
package main

import (
	"crypto/rand"
	"fmt"
	"hash/maphash"
	mathrand "math/rand/v2"
	"time"
)

// draws is how often the kernel is asked. Two copies that share a generator need not ask in the same order: what
// one gets first is what the other gets later.
const draws = 300

func main() {
	clock := time.Now()
	fmt.Print("random")
	for range draws {
		b := make([]byte, 8)
		rand.Read(b) // it never fails
		fmt.Printf(" %x", b)
	}
	// Both come from where the seeds of maps come from.
	fmt.Printf(" %016x %016x\n", maphash.String(maphash.MakeSeed(), ""), mathrand.Uint64())
	fmt.Printf("clock %d\n", clock.UnixNano())
	time.Sleep(2500 * time.Millisecond)
	fmt.Println("later")
	time.Sleep(time.Hour)
}
