// Command cpuload is the application of the cpu benchmark: a program of short pieces of work in many
// goroutines. It is the same in every guest; what differs is who answers its demand for vCPUs.
//
//	cpuload ADDRESS    takes its orders over TCP
//	cpuload -          takes them from standard input
//
// An order is a line, and so is what it answers, as JSON on standard output:
//
//	burst LIGHT BURST    a light load for LIGHT milliseconds, then a burst of BURST milliseconds
//	steady SHARE TIME    a load of SHARE percent of two vCPUs for TIME milliseconds
//	spread VCPUS         a load until so many vCPUs have been at work
//	contend TIME         requests that share a map under a lock, for TIME milliseconds
//	phase CYCLES WAIT    after WAIT milliseconds, CYCLES times a second of work and four of rest
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		if len(os.Args) < 2 {
			return errors.New("want ADDRESS or -")
		}
		orders, err := open(os.Args[1], guest)
		if err != nil {
			return err
		}
		say(Event{Kind: "ready"})
		lines := bufio.NewScanner(orders)
		for lines.Scan() {
			e, err := obey(ctx, lines.Text())
			if err != nil {
				return err
			}
			say(e)
		}
		return lines.Err()
	})
}

// open waits for whoever gives the orders.
func open(from string, guest *silo.Guest) (io.Reader, error) {
	if from == "-" {
		return os.Stdin, nil
	}
	l, err := net.Listen("tcp", from)
	if err != nil {
		return nil, err
	}
	if err := guest.Ready(); err != nil {
		return nil, err
	}
	return l.Accept()
}

func obey(ctx context.Context, line string) (Event, error) {
	var order string
	var a, b int
	if n, err := fmt.Sscan(line, &order, &a, &b); n < 2 {
		return Event{}, fmt.Errorf("order %q: %w", line, err)
	}
	millis := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	switch order {
	case "burst":
		return burst(ctx, millis(a), millis(b)), nil
	case "steady":
		return steady(ctx, a, millis(b)), nil
	case "spread":
		return spread(ctx, a), nil
	case "contend":
		return contend(ctx, millis(a))
	case "phase":
		return phase(ctx, a, millis(b)), nil
	}
	return Event{}, fmt.Errorf("order %q: not known", line)
}

// Event is a line of what the program says.
type Event struct {
	Kind    string // ready, or the order that was obeyed
	Began   int64  // of the burst, nanoseconds of CLOCK_MONOTONIC, as all times
	Ran     int64  // a goroutine of it first ran on another vCPU than the first; 0 = none did
	Done    int64  // when it was over
	Pieces  int64  // of work done
	Changes int    // of GOMAXPROCS seen
	P50     int64  // of requests, from being sent to being answered
	P99     int64
	Procs   int // GOMAXPROCS at the end
}

func say(e Event) {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // a struct of numbers and a word
	}
	fmt.Println(string(b))
}
