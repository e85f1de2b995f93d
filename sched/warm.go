package sched

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// warmTimers is how many timers are set on a processor of the Go scheduler at once, so that it has room for as many later.
	// They end after warmTimer: they have to be gone when others come.
	warmTimers = 32
	warmTimer  = time.Millisecond

	// warmStack is what a stack grows to on it, bytes.
	warmStack = 8 << 10

	// warmWithin is how long it may take: one of them may be held by who waits for memory already.
	warmWithin = 200 * time.Millisecond
)

// warm has n new processors of the Go scheduler get now what they take out of the heap with the first goroutine that
// sets a timer, waits for a channel or grows its stack on them. Later that could mean to wait at the gate, with a lock held: on the
// timers of that processor, at which every other one looks for work, or on the channels. It returns how many it reached in time.
func warm(n int, within time.Duration) int {
	// A pool holds one value for each processor, and gives it to nobody else: that is what tells whether this one is warm.
	var been sync.Pool
	var reached atomic.Int32
	var done sync.WaitGroup
	end := time.Now().Add(within)
	for range n {
		done.Go(func() {
			for int(reached.Load()) < n && time.Now().Before(end) {
				runtime.Gosched() // on to any other, and for the next ten milliseconds nobody takes that away
				if mark := been.Get(); mark != nil {
					been.Put(mark)
					continue
				}
				been.Put(&reached)
				reached.Add(1)
				deep(warmStack)
				waitWide()
			}
		})
	}
	done.Wait()
	return int(reached.Load())
}

// waitWide waits for many channels, each of a timer of its own.
func waitWide() {
	var cases [warmTimers]reflect.SelectCase
	for i := range cases {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(time.After(warmTimer))}
	}
	reflect.Select(cases[:])
}

// deep uses so much stack.
func deep(bytes int) byte {
	var frame [512]byte
	if bytes > 0 {
		frame[bytes%len(frame)] = deep(bytes - len(frame))
	}
	return frame[0]
}
