// Command grab takes memory outside the Go heap, all at once and without a word to anybody, as a C
// program would: no forecast can see it coming. It imports nothing of silo. While one thread takes it,
// another counts how long it could not run.
package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

func main() {
	mib, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	gap := make(chan time.Duration)
	done := make(chan struct{})
	go heartbeat(done, gap)
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
	close(done)
	fmt.Printf("grabbed %d MiB, longest gap %d ms\n", mib, (<-gap).Milliseconds())
}

// heartbeat neither allocates nor waits for a lock.
func heartbeat(done <-chan struct{}, gap chan<- time.Duration) {
	var longest time.Duration
	last := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	for {
		select {
		case <-done:
			gap <- longest
			return
		case <-tick.C:
			longest = max(longest, time.Since(last))
			last = time.Now()
		}
	}
}
