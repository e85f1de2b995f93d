// Command heap grows its Go heap, works on two goroutines, drops everything and falls silent. One
// blank import is all it knows of silo.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	_ "github.com/silo-os/silo/runtime/auto"
)

var keep [][]byte

func main() {
	mib, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	for range mib {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		keep = append(keep, b)
		time.Sleep(5 * time.Millisecond) // as fast as a real program fills, and no forecast is outrun
	}
	fmt.Println("full, vCPUs at start", runtime.NumCPU())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
			}
		})
	}
	wg.Wait()
	fmt.Println("worked with", runtime.GOMAXPROCS(0))
	keep = nil
	fmt.Println("dropped")
	time.Sleep(time.Hour) // ended from outside
}
