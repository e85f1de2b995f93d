// Command regrow fills memory, gives most of it back and fills it again, as often as its argument says: at once and when the host has
// taken it, in turn. It looks at every byte: what it is given must be zeros, and what it kept must be as it was.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	page  = 4 << 10
	pages = 256 << 20 / page
	keeps = 40 // of so many pages in a row the first is kept: a dozen in the place of each huge page
)

func main() {
	cycles, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	memory, err := unix.Mmap(-1, 0, pages*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	for cycle := range cycles {
		soil()
		for i := range pages {
			p := memory[i*page:][:page]
			if kept := i%keeps == 0 && cycle > 0; !kept {
				mustBeZeros(p, i)
				fill(p, i)
			}
		}
		fmt.Printf("full %d: %d MiB in huge pages\n", cycle+1, meminfo("AnonHugePages")>>10)
		for i := range pages {
			mustBe(memory[i*page:][:page], i)
		}
		for i := 0; i < pages; i += keeps {
			gone := memory[(i+1)*page : min(i+keeps, pages)*page]
			if err := unix.Madvise(gone, unix.MADV_DONTNEED); err != nil {
				panic(err)
			}
		}
		fmt.Printf("empty %d\n", cycle+1)
		for cycle%2 == 1 && meminfo("MemTotal") > 192<<10 { // until the host has taken it
			time.Sleep(100 * time.Millisecond)
		}
	}
	fmt.Println("all as it was")
}

// soil leaves free memory behind that is not full of zeros and that no host has taken.
func soil() {
	memory, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	for i := range memory {
		memory[i] = 0xff
	}
	if err := unix.Munmap(memory); err != nil {
		panic(err)
	}
}

// mustBeZeros writes first: what is only read may be the kernel's page of zeros.
func mustBeZeros(p []byte, i int) {
	p[i%page] = 1
	p[i%page] = 0
	if !bytes.Equal(p, make([]byte, page)) {
		panic(fmt.Sprintf("page %d is not zeros", i))
	}
}

func fill(p []byte, i int) {
	for at := 0; at < page; at += 8 {
		binary.LittleEndian.PutUint64(p[at:], uint64(i)<<16|uint64(at)|1)
	}
}

func mustBe(p []byte, i int) {
	for at := 0; at < page; at += 8 {
		if got := binary.LittleEndian.Uint64(p[at:]); got != uint64(i)<<16|uint64(at)|1 {
			panic(fmt.Sprintf("page %d holds %#x at %d", i, got, at))
		}
	}
}

// meminfo is what the kernel says under that name, KiB.
func meminfo(name string) int {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		panic(err)
	}
	m := regexp.MustCompile(name + `: *(\d+) kB`).FindSubmatch(b)
	if m == nil {
		panic("no " + name + " in /proc/meminfo")
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		panic(err)
	}
	return kib
}
