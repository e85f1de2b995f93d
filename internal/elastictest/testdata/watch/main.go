// Command watch takes memory and frees it, and then looks at what is free while the host is told of it.
package main

import (
	"fmt"
	"syscall"
	"time"
)

const (
	most  = 24 << 20        // bytes that are taken and freed
	after = 5 * time.Second // the kernel waits for two of them before it tells the host
)

func main() {
	b, err := syscall.Mmap(-1, 0, most, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	if err := syscall.Munmap(b); err != nil {
		panic(err)
	}
	fmt.Println("freed")
	least, highest := free(), 0
	for end := time.Now().Add(after); time.Now().Before(end); {
		n := free()
		least, highest = min(least, n), max(highest, n)
	}
	fmt.Printf("free: %d to %d KiB\n", least, highest)
}

// free is how much of the guest's memory is free, in KiB. Asking takes none.
func free() int {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		panic(err)
	}
	return int(info.Freeram * uint64(info.Unit) >> 10)
}
