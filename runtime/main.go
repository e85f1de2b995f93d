package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main runs f as the application and ends the process: with code 0 when f returns nil, else with 1
// and the error on standard error. The context ends when the guest is asked to shut down; f should
// then return soon. An error that only says so (context.Canceled) counts as nil.
func Main(f func(ctx context.Context, g *Guest) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, f)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, f func(ctx context.Context, g *Guest) error) error {
	g, err := Start()
	if err != nil {
		return err
	}
	if err := f(ctx, g); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		return err
	}
	return nil
}
