// Command life is a server that hangs when it is told to.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	silo "github.com/silo-os/silo/runtime"
)

func main() {
	silo.Main(func(ctx context.Context, guest *silo.Guest) error {
		hang := make(chan struct{})
		mux := http.NewServeMux()
		mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
				hangs()
			default:
			}
		})
		// once answers, so that who asked knows that it was heard, and does it after that.
		once := func(path string, do func()) {
			var done sync.Once
			mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).Flush()
				done.Do(do)
			})
		}
		once("/hang", func() { close(hang) })
		once("/stun", func() { fmt.Println("first process stunned:", stun()); select {} })
		once("/stop", stop)
		guest.Name() // waits for PID 1's answer: from then on its watchdog looks
		srv := &http.Server{Addr: ":8080", Handler: mux}
		go srv.ListenAndServe()
		<-ctx.Done()
		grace, cancel := guest.Grace()
		defer cancel()
		at, _ := grace.Deadline()
		fmt.Printf("asked to end, with %.0f s\n", time.Until(at).Seconds())
		return srv.Shutdown(grace)
	})
}

// hangs has a name that the stacks must show.
func hangs() { select {} }

// stop stops this process, as a debugger would: nothing in it runs any more.
func stop() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Signal(sigstop)
	}
}
