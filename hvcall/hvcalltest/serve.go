package hvcalltest

import (
	"context"

	"github.com/silo-os/silo/hvcall"
)

// TB is the part of [testing.TB] that this package uses. Programs outside a guest have a scripted host built
// in and should not have package testing with it.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Cleanup(func())
}

// serveWith serves a conversation and its outbox; when it returns neither runs any more.
func serveWith(ctx context.Context, out *outbox, c *hvcall.Conn, h hvcall.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		out.run(ctx)
	}()
	err := c.Serve(ctx, h)
	cancel()
	<-sent
	return err
}

// keepServing runs serve until the test ends. A conversation that ends otherwise is told and not
// judged: hostile peers are a test's own business.
func keepServing(t TB, serve func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(ctx); err != nil && ctx.Err() == nil {
			t.Logf("hvcalltest: serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}
