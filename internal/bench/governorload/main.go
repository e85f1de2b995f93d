// Command governorload collects garbage at an even pace, governed by an Agent or not, and says what it cost. It
// is the program of the benchmark of the governor's own cost.
//
//	governorload plain|governed COLLECTIONS_A_MINUTE SECONDS
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"syscall"
	"time"

	"github.com/silo-os/silo/alloc"
	"github.com/silo-os/silo/hvcall"
)

// What is kept alive: 1 MiB, in large objects without pointers. The program must cost little itself, or its own
// noise is larger than what is looked for.
const (
	liveObjects = 32
	objectSize  = 32 << 10
)

// report is what a run cost.
type report struct {
	Wall, CPU float64 // seconds; CPU of the whole process
	Cycles    uint64
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want plain|governed COLLECTIONS_A_MINUTE SECONDS, got %q", args)
	}
	pace, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var r report
	if args[0] == "governed" {
		govern()
	}
	live := make([]*[objectSize]byte, liveObjects)
	for i := range live {
		live[i] = new([objectSize]byte)
	}
	begin, cpu, cycles := time.Now(), processCPU(), collections()
	for i := range pace * seconds / 60 {
		// Until the collector has begun and ended by itself: forced collections spend their time in yielding to
		// whoever is there, and would charge the Agent for being there.
		for had := collections(); collections() == had; {
			for j := range live {
				live[j] = new([objectSize]byte)
			}
		}
		time.Sleep(time.Until(begin.Add(time.Duration(i+1) * time.Minute / time.Duration(pace))))
	}
	r.Wall, r.CPU, r.Cycles = time.Since(begin).Seconds(), processCPU()-cpu, collections()-cycles
	runtime.KeepAlive(live)
	return json.NewEncoder(os.Stdout).Encode(r)
}

// govern starts an Agent whose host grants all, at a price.
func govern() {
	var a *alloc.Agent
	grant := func(memory uint64) { a.Grant(hvcall.Grant{Memory: memory}, true) }
	a = alloc.New(alloc.Config{}, nil, func(s alloc.Statement) { grant(s.Memory) })
	grant(64 << 20)
	go a.Run(context.Background())
}

func processCPU() float64 {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()).Seconds()
}

func collections() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
