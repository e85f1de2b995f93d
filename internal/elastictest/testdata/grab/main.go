// Command grab takes memory outside the Go heap, all at once and without a word to anybody, as a C
// program would: no forecast can see it coming. It imports nothing that governs. While one thread takes it,
// another counts how long it could not run.
package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/silo-os/silo/internal/elastictest/testdata/heart"
)

func main() {
	mib, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	gap := heart.Beat()
	b, err := syscall.Mmap(-1, 0, mib<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = byte(i >> 12)
	}
	for i := 0; i < len(b); i += 4096 {
		if b[i] != byte(i>>12) {
			panic("memory changed")
		}
	}
	fmt.Printf("grabbed %d MiB, longest gap %d ms\n", mib, gap().Milliseconds())
}
