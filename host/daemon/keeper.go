package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/silo-os/silo/host/bridge"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// keeper keeps one guest. Its goroutine, live, alone starts machines and waits for their ends; everybody else only
// asks and is shown.
type keeper struct {
	d    *Daemon
	name string
	seq  uint64
	dir  string // the guest's own

	bridge *bridge.Attachment // nil = it is on none

	ctx  context.Context // ends when the guest is not to be started any more
	halt context.CancelFunc
	done chan struct{} // closed when live has ended

	setting sync.Mutex // held while bounds are changed

	mu    sync.Mutex
	rec   record      // guarded by mu, as all below
	guest *node.Guest // nil = no machine runs
	log   *guestLog   // nil = nothing was written yet

	leaving  *departure    // nil = it is not being moved
	movedTo  string        // the peer that it runs on; "" = it did not move
	lastMove *nodeapi.Move // nil = there was none
}

func newKeeper(d *Daemon, r *record) *keeper {
	k := &keeper{d: d, name: r.Spec.Name, seq: r.Seq, dir: d.guestDir(r.Spec.Name), bridge: r.Spec.Bridge, rec: *r, done: make(chan struct{})}
	k.ctx, k.halt = context.WithCancel(d.ctx)
	return k
}

// update changes the record; it counts once it is stored.
func (k *keeper) update(change func(*record)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.rec
	change(&next)
	if err := k.d.store.put(&next); err != nil {
		return err
	}
	k.rec = next
	return nil
}

// note is update where nothing can be done about an error: the next daemon finds out by itself.
func (k *keeper) note(change func(*record)) {
	if err := k.update(change); err != nil && k.d.ctx.Err() == nil {
		k.d.cfg.Log.Error("guest not stored", "guest", k.name, "err", err)
	}
}

// create starts the guest for the first time. Without success nothing is left of it.
func (k *keeper) create(ctx context.Context) error {
	err := k.prepare()
	if err == nil {
		stop := context.AfterFunc(ctx, k.halt)
		started := make(chan error, 1)
		go k.live(beginning{started: started})
		err = <-started
		stop()
	}
	if err == nil {
		return nil
	}
	if why := context.Cause(ctx); why != nil {
		err = why
	}
	return errors.Join(err, k.forget())
}

// prepare makes the guest's folder, with files of its image that nobody else removes, and its record.
func (k *keeper) prepare() error {
	defer func() {
		if k.rec.Created.IsZero() {
			close(k.done) // it never lived
		}
	}()
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return fmt.Errorf("make guest's folder: %w", err)
	}
	for name, from := range map[string]string{kernelFile: k.rec.Spec.Kernel, initramfsFile: k.rec.Spec.Initramfs} {
		if err := keepFile(from, filepath.Join(k.dir, name)); err != nil {
			return nodeapi.Refuse(nodeapi.CodeInvalid, "read image: %v: build the image first, where the node can read it", err)
		}
	}
	if err := k.update(func(r *record) { r.Created = time.Now() }); err != nil {
		return err
	}
	k.d.cfg.At(pointCreated)
	return nil
}

// beginning is where live starts.
type beginning struct {
	guest     *node.Guest // runs already
	lost      string      // the machine is gone, and why; "" = it is not
	waits     bool        // it is to be started later
	forgotten bool        // it did not come, and is forgotten
	move      func()      // goes on with a move; nil = there is none
	started   chan<- error
}

// live is the guest's life under this daemon.
func (k *keeper) live(from beginning) {
	defer close(k.done)
	g := from.guest
	for ; ; g, from = nil, (beginning{}) {
		var exit hvcall.Exit
		switch {
		case from.waits:
			if !k.await() {
				return
			}
			continue
		case from.lost != "":
			exit = k.lastWord(from.lost)
		case g == nil:
			var err error
			if g, err = k.start(); err != nil && from.started != nil {
				from.started <- err
				return
			} else if err != nil {
				exit = hvcall.Exit{Cause: hvcall.CauseHost, Code: codeNotStarted, Text: err.Error()}
			}
		}
		if from.started != nil {
			from.started <- nil
		}
		if g != nil {
			exit = k.wait(g)
		}
		if k.departed() {
			return
		}
		if k.d.ctx.Err() != nil || !k.ended(exit) || !k.await() {
			return
		}
	}
}

// Codes of guests that could not say how they ended; the others are package node's.
const (
	codeNoHello    = 124
	codeNotStarted = 125
)

// lastWord is how a guest ended that nobody saw.
func (k *keeper) lastWord(why string) hvcall.Exit {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rec.Exit != nil {
		return *k.rec.Exit
	}
	return hvcall.Exit{Cause: hvcall.CauseHost, Code: node.CodeHost, Text: why}
}

func (k *keeper) wait(g *node.Guest) hvcall.Exit {
	go k.noteHello(g)
	exit, err := g.Wait()
	var late *node.HelloError
	switch {
	case errors.As(err, &late):
		return hvcall.Exit{Cause: hvcall.CauseHost, Code: codeNoHello, Text: late.Error(), Trace: late.Report()}
	case err != nil:
		return hvcall.Exit{Cause: hvcall.CauseHost, Code: node.CodeHost, Text: err.Error()}
	}
	return exit
}

// noteHello remembers that the guest came up: the next daemon need not doubt it.
func (k *keeper) noteHello(g *node.Guest) {
	select {
	case <-g.Said():
		k.note(func(r *record) { r.Said = true })
	case <-g.Done():
	}
}

// ended clears up after a machine and decides whether there is another one.
func (k *keeper) ended(exit hvcall.Exit) (goesOn bool) {
	k.d.cfg.At(pointEnded)
	k.clear()
	now := time.Now()
	k.note(func(r *record) {
		goesOn, r.Next = k.verdict(r, exit, now)
		r.Exit, r.Ended, r.Machine, r.Bounds = &exit, now, nil, nil
		r.State = nodeapi.StateEnded
		if goesOn {
			r.State = nodeapi.StateBackoff
		}
	})
	k.mu.Lock()
	k.guest = nil
	k.mu.Unlock()
	if !goesOn {
		k.closeLog()
	}
	k.d.cfg.Log.Info("guest ended", "guest", k.name, "cause", exit.Cause, "code", exit.Code, "text", exit.Text, "again", goesOn)
	k.d.cfg.At(pointStored)
	return goesOn
}

// verdict applies the restart policy.
func (k *keeper) verdict(r *record, exit hvcall.Exit, now time.Time) (bool, time.Time) {
	e := end{failed: exit.Code != 0, halted: r.Halted || k.ctx.Err() != nil, streak: r.Streak}
	if !r.Started.IsZero() {
		e.ran = now.Sub(r.Started)
	}
	yes, wait, streak := again(r.Spec.Restart, e)
	r.Streak = streak
	if !yes {
		return false, time.Time{}
	}
	return true, now.Add(wait)
}

// await waits until the guest is due again; false = it is not to be started any more.
func (k *keeper) await() bool {
	k.mu.Lock()
	next := k.rec.Next
	k.mu.Unlock()
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-timer.C:
		k.note(func(r *record) { r.Restarts++; r.State = nodeapi.StateStarting })
		return true
	case <-k.ctx.Done():
		if k.d.ctx.Err() == nil {
			k.note(func(r *record) { r.State = nodeapi.StateEnded })
			k.closeLog()
		}
		return false
	}
}

// openLog returns the guest's log for writing.
func (k *keeper) openLog() (*guestLog, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.log != nil && k.log.writable() {
		return k.log, nil
	}
	l, err := openLog(k.dir)
	if err == nil {
		k.log = l
	}
	return l, err
}

func (k *keeper) closeLog() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.log != nil {
		k.log.close()
	}
}

// departed waits for the end of a move that is under way, and reports whether the guest runs elsewhere. Then nothing is left
// here but that it moved.
func (k *keeper) departed() bool {
	k.mu.Lock()
	m := k.leaving
	k.mu.Unlock()
	if m != nil {
		<-m.done
	}
	k.mu.Lock()
	to := k.movedTo
	k.mu.Unlock()
	if to == "" {
		return false
	}
	k.clear()
	k.note(func(r *record) {
		r.State, r.MovedTo, r.Machine, r.Bounds, r.Leaving, r.Ended = nodeapi.StateMoved, to, nil, nil, nil, time.Now()
	})
	k.mu.Lock()
	k.guest = nil
	k.mu.Unlock()
	k.closeLog()
	return true
}

// hasMoved reports whether all that is left of the guest here is that it moved.
func (k *keeper) hasMoved() bool {
	select {
	case <-k.done:
	default:
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rec.State == nodeapi.StateMoved
}
