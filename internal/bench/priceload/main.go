// Command priceload is the application of the benchmark of the price: it keeps some data alive, allocates a
// fixed amount with a fixed amount of other work in between, and says what collecting cost. Its arguments:
//
//	priceload LIVE_MIB ALLOCATE_MIB VISITS
//
// VISITS thousand objects are read for each MiB allocated: many of them make a low rate of allocation. It
// prints one line of JSON, a Report, and ends.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"time"

	silo "github.com/silo-os/silo/runtime"
)

// Report is what a run cost.
type Report struct {
	Wall      float64 // seconds from the first allocation of the work to the last
	GC        float64 // processor seconds in collection, of the same time
	Cycles    uint64  // collections
	Allocated uint64  // MiB, what was to be allocated
	GOGC      uint64  // percent at the end
}

const (
	mib = 1 << 20

	// node is the size of one object: each has one pointer, as a tree or a cache of small values has.
	node = 512
)

type object struct {
	next  *object
	count uint64
	_     [node - 16]byte
}

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		var n [3]int
		for i := range n {
			if i+1 >= len(os.Args) {
				return fmt.Errorf("want LIVE_MIB ALLOCATE_MIB VISITS, got %q", os.Args[1:])
			}
			v, err := strconv.Atoi(os.Args[i+1])
			if err != nil {
				return err
			}
			n[i] = v
		}
		r := load(ctx, n[0], n[1], n[2])
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Println(string(b))
		return nil
	})
}

// load keeps live MiB of objects, replacing the oldest with each new one, until allocate MiB are
// allocated.
func load(ctx context.Context, live, allocate, visits int) Report {
	ring := make([]*object, live*mib/node)
	for i := range ring {
		ring[i] = &object{}
	}
	begin, before := time.Now(), collected()
	at, seen := 0, 0
	for done := 0; done < allocate && ctx.Err() == nil; done++ {
		for range mib / node {
			// What is replaced is garbage from now on, and each object is chained to one other.
			ring[at] = &object{}
			ring[at].next = chained(ring, at)
			at = (at + 1) % len(ring)
		}
		for range visits * 1000 {
			seen = (seen + 7919) % len(ring)
			ring[seen].count++
		}
	}
	after := collected()
	return Report{Wall: time.Since(begin).Seconds(), GC: after.gc - before.gc, Cycles: after.cycles - before.cycles,
		Allocated: uint64(allocate), GOGC: after.gogc}
}

// chained is the object whose own chain ends, so that no chain keeps what was replaced alive.
func chained(ring []*object, at int) *object {
	o := ring[len(ring)-1-at]
	if o != nil {
		o.next = nil
	}
	return o
}

type figures struct {
	gc     float64
	cycles uint64
	gogc   uint64
}

func collected() figures {
	s := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return figures{s[0].Value.Float64(), s[1].Value.Uint64(), s[2].Value.Uint64()}
}
