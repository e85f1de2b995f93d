// Command plain keeps two goroutines busy for a while and never heard of silo.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func main() {
	seconds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	var g sync.WaitGroup
	for range 2 {
		g.Go(func() {
			for time.Now().Before(end) {
			}
		})
	}
	g.Wait()
	fmt.Println("worked with", runtime.GOMAXPROCS(0))
	time.Sleep(time.Hour) // it is ended
}
