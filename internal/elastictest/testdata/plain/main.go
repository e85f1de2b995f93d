// Command plain never heard of silo. It keeps two goroutines busy until they have had two vCPUs for two seconds, or for as many
// seconds as its argument says.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	seconds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	var stop atomic.Bool
	var g sync.WaitGroup
	for range 2 {
		g.Go(func() {
			for !stop.Load() {
			}
		})
	}
	for runtime.GOMAXPROCS(0) < 2 && time.Now().Before(end) {
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	stop.Store(true)
	g.Wait()
	fmt.Println("worked with", runtime.GOMAXPROCS(0))
	time.Sleep(time.Hour) // it is ended
}
