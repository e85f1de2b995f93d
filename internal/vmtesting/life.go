package vmtesting

import (
	"context"
	"errors"
	"runtime"

	"github.com/hugelgupf/vmtest/qemu"
)

// run keeps the thread that forks QEMU, because the parent-death signal follows the
// thread, and reads the console from its first byte: nothing else drains it, and a guest
// whose console is full stands still.
func (g *Guest) run(ctx context.Context, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	vm, err := qemu.StartContext(ctx, qemu.ArchAMD64, g.options)
	started <- err
	if err != nil {
		return
	}
	g.waitErr = vm.Wait()
	g.lines.end()
	close(g.ended)
}

// watch fails the test when the guest panics or lives too long.
func (g *Guest) watch(ctx context.Context) {
	defer close(g.watched)
	for event := range g.QMP.Events() {
		if event.Name == "GUEST_PANICKED" {
			<-g.ended // the console has all of it then
			g.t.Errorf("the guest panicked\n%s", g.report())
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		<-g.ended
		g.t.Errorf("the guest still ran when the test's time was over\n%s", g.report())
	}
}

// Stop ends the guest at once, if it runs, and waits until nothing of it is left.
func (g *Guest) Stop() {
	g.cancel()
	<-g.ended
	<-g.watched
	if g.QMP != nil {
		g.QMP.Close()
	}
	if g.Port != nil {
		g.Port.Close()
	}
}

// Wait waits until the guest has ended by itself, and fails the test if QEMU failed.
func (g *Guest) Wait() {
	g.t.Helper()
	<-g.ended
	<-g.watched
	if g.waitErr != nil {
		g.t.Fatalf("guest ended: %v\n%s", g.waitErr, g.report())
	}
}

// Ended is closed when the guest has ended.
func (g *Guest) Ended() <-chan struct{} { return g.ended }

// finish is the end of the test.
func (g *Guest) finish() {
	g.Stop()
	if g.t.Failed() {
		g.t.Log(g.report())
	}
}
