package node

import (
	"context"
	"sync"
	"time"
)

const (
	// stuckAfter is how long a guest may leave a frame unread before it is taken for dead. A busy
	// host, or a guest that stands still while memory comes, must not look like that.
	stuckAfter = 30 * time.Second
	// framesEach is how many frames of one guest are read in a second. Output comes in frames of up to 16 KiB and everything
	// else is rare, so more is a flood, which the host would pay for.
	framesEach = 500
	// powerOffWithin is how long a guest has from its Exit, or from hanging up, until its machine ends.
	powerOffWithin = 10 * time.Second
	// adoptedHello is the least that a guest has that said Hello to another host before.
	adoptedHello = 5 * time.Minute
	// flushAfterKill is how long the output of a killed guest may take to be written.
	flushAfterKill = time.Second
)

// conversation is the guest's calls being served.
type conversation struct {
	done chan struct{} // closed when it is over
	err  error         // set before done is closed; nil after a clean end
}

// live serves the guest from booting to ended.
func (g *Guest) live() {
	defer g.node.ended.Done()
	ctx, stop := context.WithCancel(context.Background())
	talk := &conversation{done: make(chan struct{})}
	go func() { defer close(talk.done); talk.err = g.conn.Serve(ctx, g.answer) }()
	var work sync.WaitGroup
	for _, f := range []func(context.Context){g.sendGrants, g.resize, g.runProcessors, g.observe, g.limit, g.listen} {
		work.Go(func() { f(ctx) })
	}
	end := g.await(talk)
	g.finish(&end, talk)
	stop()
	work.Wait()
	if end.killed == "" {
		g.dropTemplate()
	}
	g.exit, g.err = g.outcome(end)
	g.exit = g.withCore(g.exit)
	g.node.forget(g)
	close(g.done)
}

// ending is what was seen of a guest's end.
type ending struct {
	killed  string // why the host killed it; "" = it did not
	late    bool   // it did not say Hello in time
	silent  bool   // it answered nothing for too long
	callErr error  // why the conversation ended, where it was not clean
}

// await waits until the machine has ended, and ends it where it should.
func (g *Guest) await(talk *conversation) (end ending) {
	deadline := g.spec.HelloDeadline
	if g.adopted { // it may have to be heard over a host that starts many at once
		deadline = max(deadline, adoptedHello)
	}
	hello := time.NewTimer(deadline)
	defer hello.Stop()
	var off <-chan time.Time // when a guest that is through must be off
	said, told, silent, over := g.said.c, g.told.c, g.silent.c, talk.done
	if g.FromTemplate() {
		said = g.spoke.c // its Hello proves nothing
	}
	for {
		select {
		case <-g.vm.Done():
			return end
		case end.killed = <-g.kill:
			g.killMachine()
		case <-hello.C:
			end.late = true
			g.killMachine()
		case <-silent:
			silent, end.silent = nil, true
			g.killMachine()
		case <-said:
			said = nil
			hello.Stop()
		case <-told:
			told, off = nil, time.After(powerOffWithin)
		case <-over:
			over = nil
			if talk.err == nil || isLost(talk.err) {
				off = time.After(powerOffWithin)
			} else { // it will never be understood again
				g.killMachine()
			}
		case <-off:
			g.killMachine()
		}
	}
}

func (g *Guest) killMachine() {
	g.complain(g.cpus.die())
	if err := g.vm.Kill(); err != nil {
		g.node.cfg.Log.Error("machine not killed", "guest", g.id, "err", err)
	}
}

// finish takes in what the guest sent last, however slowly it is read, and releases the machine. Only
// a kill ends the patience.
func (g *Guest) finish(end *ending, talk *conversation) {
	if end.killed != "" {
		g.out.abortAfter(flushAfterKill)
	}
	written := make(chan struct{})
	go func() {
		<-talk.done
		g.out.close()
		close(written)
	}()
	for waiting := true; waiting; {
		select {
		case <-written:
			waiting = false
		case end.killed = <-g.kill:
			g.out.abortAfter(flushAfterKill)
		}
	}
	end.callErr = talk.err
	g.conn.Close()
	if err := g.vm.Close(); err != nil {
		g.node.cfg.Log.Error("machine not closed", "guest", g.id, "err", err)
	}
	if err := g.cpus.close(); err != nil {
		g.node.cfg.Log.Warn("vCPU share not closed", "guest", g.id, "err", err)
	}
}
