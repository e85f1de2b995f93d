package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/silo-os/silo/host/corefile"
	"github.com/silo-os/silo/hvcall"
)

// CoreWriter takes a core of an application in. Its methods are called one at a time.
type CoreWriter interface {
	io.WriterAt              // pieces, in the order of their offsets; what is not written is zero
	Finish(size int64) error // it is whole; nothing is left of one that fails
	Abort(why string)        // it never will be
}

// coreMargin is what a core may hold beyond the guest's memory: registers, and the beginnings of files.
const coreMargin = 64 << 20

// Core asks the application's guest for a core of it and returns when to has all of it. The application stands still meanwhile and goes
// on afterwards. Errors: *hvcall.Fault where the guest refuses, those of to, and ctx's.
func (g *Guest) Core(ctx context.Context, to CoreWriter) error {
	select {
	case <-g.said.c:
	default:
		to.Abort("it has not said hello yet")
		return fmt.Errorf("dump guest %s: %w", g.id, &hvcall.Fault{Op: hvcall.OpCore, Code: hvcall.CodeOrder, Text: "it has not said hello yet"})
	}
	if !g.cores.ask(to) {
		to.Abort("busy")
		return fmt.Errorf("dump guest %s: %w", g.id, &hvcall.Fault{Op: hvcall.OpCore, Code: hvcall.CodeBusy, Text: "a core of it is being taken already"})
	}
	err := g.conn.AskCore(ctx)
	if lost := g.cores.answered(to, err); lost != nil {
		return fmt.Errorf("dump guest %s: %w", g.id, lost)
	}
	return nil
}

// cores takes in what the guest sends of cores. Of its own accord it may send one, and none that is larger than its memory.
//
//	none      ask moves it on, and so does a guest whose application crashed.
//	asked     the guest is to begin.
//	begun     pieces come. The guest's word moves it to none, its end, a piece that cannot be written, and who has
//	          asked and waits no longer.
type cores struct {
	crash func() (CoreWriter, error) // for the application's crash; nil = not wanted
	most  int64                      // bytes of all pieces

	mu      sync.Mutex // held while a piece is written
	asked   CoreWriter // guarded by mu, as all below; nil = nobody has asked
	to      CoreWriter // nil = none has begun
	next    uint64     // no piece may begin before
	left    int64      // bytes that may still come
	crashed bool       // it has begun with one of its own accord
	closed  bool       // its application has ended
	err     error      // what became of the last one that ended
}

func newCores(s GuestSpec) *cores {
	c := &cores{most: s.Memory.Max + coreMargin}
	if s.Cores != "" {
		c.crash = func() (CoreWriter, error) {
			return corefile.Create(corefile.Path(s.Cores, s.Name), corefile.OtherFolder)
		}
	}
	return c
}

// ask makes ready for a core that the host asks for. It fails while there is another.
func (c *cores) ask(to CoreWriter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked != nil || c.to != nil || c.closed {
		return false
	}
	c.asked, c.err = to, nil
	return true
}

// errNoCore is told of a guest that says it is through and sent nothing.
var errNoCore = errors.New("the guest sent no core")

// answered takes in the guest's answer to having been asked, and says why there is no core.
func (c *cores) answered(to CoreWriter, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.to == to && to != nil: // it was given up, or the guest lies
		c.end(errors.Join(err, errNoCore))
	case c.asked == to && c.err == nil:
		c.err = errNoCore
		to.Abort(errNoCore.Error())
	}
	c.asked = nil
	if c.err != nil && err == nil {
		err = c.err
	}
	return err
}

// take answers a guest's call about a core.
func (c *cores) take(f hvcall.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Op == hvcall.OpCorePiece {
		p, err := hvcall.DecodeCorePiece(f.Payload)
		if err != nil {
			return err
		}
		return c.write(p)
	}
	step, err := hvcall.DecodeCore(f.Payload)
	switch {
	case err != nil:
		return err
	case step.Phase == hvcall.CoreBegin:
		return c.begin(step.Signal != 0)
	case c.to == nil:
		return c.outOfOrder(f.Op)
	case step.Phase == hvcall.CoreBroke:
		c.end(errors.New(step.Text))
		return nil
	case step.Phase == hvcall.CoreEnd && step.Size >= c.next:
		to := c.to
		c.to, c.asked = nil, nil
		c.err = to.Finish(int64(step.Size))
		return c.err
	}
	return &hvcall.FrameError{Field: "core phase", Why: fmt.Sprintf("%q, or its size, makes no sense here", step.Phase)}
}

func (c *cores) outOfOrder(op hvcall.Op) error {
	return &hvcall.Fault{Op: op, Code: hvcall.CodeOrder, Text: "no core is being taken"}
}

func (c *cores) begin(crashed bool) error {
	to := c.asked
	switch {
	case c.to != nil:
		return &hvcall.Fault{Op: hvcall.OpCore, Code: hvcall.CodeBusy, Text: "a core is being taken already"}
	case c.closed, !crashed && to == nil, crashed && (c.crash == nil || c.crashed):
		return c.outOfOrder(hvcall.OpCore)
	case crashed:
		c.crashed = true
		if to, c.err = c.crash(); c.err != nil {
			return c.err
		}
	}
	c.to, c.next, c.left = to, 0, c.most
	return nil
}

func (c *cores) write(p hvcall.CorePiece) (err error) {
	switch {
	case c.to == nil:
		return c.outOfOrder(hvcall.OpCorePiece)
	case p.Offset < c.next:
		err = &hvcall.FrameError{Field: "core piece offset", Value: p.Offset, Why: "before the end of the last one"}
	case int64(len(p.Data)) > c.left:
		err = fmt.Errorf("write core: it is larger than the guest's memory and %d MiB", coreMargin>>20)
	default:
		_, err = c.to.WriteAt(p.Data, int64(p.Offset))
	}
	if err != nil {
		c.end(err)
		return err
	}
	c.next, c.left = p.Offset+uint64(len(p.Data)), c.left-int64(len(p.Data))
	return nil
}

// end gives up the one that has begun. mu is held.
func (c *cores) end(why error) {
	c.to.Abort(why.Error())
	c.to, c.asked, c.err = nil, nil, why
}

// close gives up what has not been finished, and tells of the application's crash: whether it has a core, and why it has none.
func (c *cores) close() (crashed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.to != nil {
		c.end(errors.New("the guest ended before it had sent all of it"))
	}
	return c.crashed, c.err
}

// withCore adds to how the application ended where the core of it is.
func (g *Guest) withCore(e hvcall.Exit) hvcall.Exit {
	switch crashed, err := g.cores.close(); {
	case crashed && err != nil:
		e.CoreLost = err.Error()
	case crashed:
		e.Core = corefile.Path(g.spec.Cores, g.spec.Name)
	}
	return e
}
