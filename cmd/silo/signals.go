package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/silo-os/silo/host/node"
)

// asked are the signals that ask silo to end.
var asked = []os.Signal{os.Interrupt, syscall.SIGTERM}

// signalNumber is 2 for SIGINT and so on.
func signalNumber(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return int(syscall.SIGINT)
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal os.Signal }

// Error implements error.
func (e *interrupted) Error() string { return fmt.Sprintf("interrupted (%v)", e.signal) }

// untilSignal is a context that ends with the first signal. It must be stopped, and no other goroutine
// may take from signals until then.
func untilSignal(ctx context.Context, signals <-chan os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case s := <-signals:
			cancel(&interrupted{s})
		case <-stop:
		}
	}()
	return ctx, func() {
		close(stop)
		<-stopped
		cancel(nil)
	}
}

// notify has signals delivered until stop is called.
func notify() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 4)
	signal.Notify(c, asked...)
	return c, func() { signal.Stop(c) }
}

// ended waits for a guest's end. The first signal asks it to end within a time, the second kills it, and so does
// the first where nobody is there yet to be asked. The signal that killed it is returned.
func ended(g *node.Guest, signals <-chan os.Signal, within time.Duration, w io.Writer) (killer os.Signal) {
	select {
	case <-g.Done():
		return nil
	case s := <-signals:
		select {
		case <-g.Said():
		default:
			killer = s
		}
	}
	fmt.Fprintf(w, "silo: asked %s to end, it has %v; once more kills it\n", g.Name(), within)
	down := make(chan error, 1)
	go func() { down <- g.Shutdown(context.Background(), within) }()
	for {
		select {
		case s := <-signals:
			killer = s
			g.Kill()
		case err := <-down:
			if err != nil && killer == nil {
				fmt.Fprintf(w, "silo: %v\n", err)
			}
			return killer
		}
	}
}
