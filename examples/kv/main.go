// Command kv is a store that speaks the Redis protocol and keeps its values on the Go heap: the
// kind of program whose memory follows its data, and so should its guest's.
package main

import (
	"context"
	"fmt"

	"github.com/tidwall/redcon"

	silo "github.com/silo-os/silo/runtime"
)

const address = ":6379"

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		srv := redcon.NewServer(address, newStore().handle, nil, nil)
		context.AfterFunc(ctx, func() { srv.Close() })
		listening := make(chan error, 1)
		go func() {
			if err := <-listening; err == nil {
				fmt.Println("kv: serving on", address)
				guest.Ready()
			}
		}()
		return srv.ListenServeAndSignal(listening)
	})
}
