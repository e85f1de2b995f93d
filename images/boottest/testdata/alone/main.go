// Command alone tells what an application has in a machine that silo did not start, and greets one client over TCP.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/silo-os/silo/alloc"
	silo "github.com/silo-os/silo/runtime"
)

func main() {
	guest, err := silo.Start()
	if err != nil {
		fmt.Println("start:", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = guest.Reserve(ctx, 100<<20)
	fmt.Println("alone: 100 of 256 MiB are refused with:", err)
	fmt.Println("alone: vCPUs when two are wanted:", widest(ctx, guest))
	_, err = guest.Reserve(context.Background(), 1<<30)
	var refused *alloc.RefusedError
	fmt.Printf("alone: 1 GiB is refused for good: %t\n", errors.As(err, &refused) && refused.Err == nil)
	fmt.Fprintf(os.Stderr, "alone: it is %d or later: %t\n", 2024, time.Now().Year() >= 2024)
	if err := greet(); err != nil {
		fmt.Println("greet:", err)
		return
	}
	os.Exit(3)
}

// greet greets one client under the name by which it called.
func greet() error {
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		return err
	}
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	names, err := os.ReadFile("/etc/resolv.conf")
	fmt.Fprintf(conn, "hello from %v, %s%v\n", conn.LocalAddr(), names, err)
	conn.(*net.TCPConn).CloseWrite()
	conn.Read(make([]byte, 1)) // until the client has it all
	return nil
}

// widest keeps two goroutines busy until two vCPUs are granted, and returns how many are.
func widest(ctx context.Context, guest *silo.Guest) uint32 {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range 2 {
		go func() {
			for ctx.Err() == nil {
			}
		}()
	}
	for {
		if _, milli := guest.Granted(); milli >= 2000 || ctx.Err() != nil {
			return milli / 1000
		}
		time.Sleep(5 * time.Millisecond)
	}
}
