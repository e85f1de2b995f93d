// Command twin tells what a copy of its guest must not have in common with another one, and what must be right.
package main

import (
	"crypto/rand"
	"fmt"
	"hash/maphash"
	mathrand "math/rand/v2"
	"os"
	"time"
)

func main() {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		fmt.Println("random bytes:", err)
		os.Exit(1)
	}
	// Both come from where the seeds of maps come from.
	fmt.Printf("random %x maps %x numbers %x\n", b, maphash.String(maphash.MakeSeed(), ""), mathrand.Uint64())
	fmt.Printf("clock %d\n", time.Now().UnixNano())
	fmt.Printf("uuid ")
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	fmt.Printf("%s%v\n", id, err)
	time.Sleep(2500 * time.Millisecond)
	fmt.Println("later")
	time.Sleep(time.Hour)
}
