// Command crowd speaks with PID 1 and never asks for a second vCPU. When what starts it has come to rest, it works on two threads.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/silo-os/silo/hvcall"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("crowd failed:", err)
		os.Exit(1)
	}
}

func run() error {
	rw, err := hvcall.Inherited()
	if err != nil {
		return err
	}
	if rw == nil {
		return errors.New("there is no PID 1")
	}
	conn := hvcall.NewConn(rw, hvcall.Config{})
	go conn.Serve(context.Background(), func(context.Context, hvcall.Frame) ([]byte, error) { return nil, nil })
	if _, err := conn.SayHello(context.Background(), hvcall.Hello{Role: hvcall.RoleApplication, NumCPU: runtime.NumCPU(), PID: os.Getpid()}); err != nil {
		return err
	}
	if err := conn.SendDemand(hvcall.Demand{Revision: 1, Memory: 48 << 20, MilliCPU: 1000}); err != nil {
		return err
	}
	runtime.GOMAXPROCS(2)
	time.Sleep(time.Second)
	fmt.Println("at rest")
	time.Sleep(time.Second)
	fmt.Println("two now")
	end := time.Now().Add(3 * time.Second)
	go busy(end)
	busy(end)
	fmt.Println("done")
	return nil
}

func busy(end time.Time) {
	for time.Now().Before(end) {
	}
}
