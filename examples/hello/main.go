// Command hello is the smallest useful silo application: a web server with one page.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		listener, err := net.Listen("tcp", ":8080")
		if err != nil {
			return err
		}
		fmt.Println("hello: serving on", listener.Addr())
		if err := guest.Ready(); err != nil {
			return err
		}
		srv := &http.Server{Handler: page(guest)}
		context.AfterFunc(ctx, func() { srv.Shutdown(context.Background()) })
		if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

func page(guest *silo.Guest) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		memory, milli := guest.Granted()
		fmt.Fprintf(w, "hello from %q: %d MiB and %d/1000 vCPU granted\n", guest.Name(), memory>>20, milli)
	})
}
