// Command silent demands two vCPUs, and then closes every descriptor that could be its calls: what a program does that
// makes a daemon of itself.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		stop := make(chan struct{})
		for range 2 {
			go func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
				}
			}()
		}
		begin := time.Now()
		guest.Granted() // waits until PID 1 has answered
		fmt.Println("answered after", time.Since(begin))
		for runtime.GOMAXPROCS(0) < 2 {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		if err := hangUp(); err != nil {
			return err
		}
		fmt.Println("hung up")
		close(stop)
		<-ctx.Done()
		return nil
	})
}

// hangUp shuts down every socket of the process.
func hangUp() error {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return err
		}
		_ = syscall.Shutdown(fd, syscall.SHUT_RDWR) // what is no socket refuses
	}
	return nil
}
