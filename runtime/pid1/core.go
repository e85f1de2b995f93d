package pid1

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// coreWithin bounds the time for a core, however large it is and slow its host: an application that has ended waits for it.
const coreWithin = 30 * time.Minute

// cores takes cores of the application to the host, one at a time.
type cores struct {
	host     *hvcall.Conn
	underway atomic.Bool
	sent     sync.WaitGroup
	app      atomic.Pointer[dumpable] // nil = it does not run

	mu    sync.Mutex
	begun bool  // one was, of the application's crash; guarded by mu, as all below
	lost  error // why it broke off
}

// dumpable is an application that runs.
type dumpable struct {
	pid    int
	memory uint64 // the most that its guest will ever have, bytes
}

// asked sends one of the application that runs, because the host asks, and returns when the host has all of it.
func (c *cores) asked(ctx context.Context, payload []byte) error {
	step, err := hvcall.DecodeCore(payload)
	if err != nil {
		return err
	}
	app := c.app.Load()
	switch {
	case step.Phase != hvcall.CoreAsk:
		return &hvcall.Fault{Op: hvcall.OpCore, Code: hvcall.CodeInvalid, Text: "only a guest has a core"}
	case app == nil:
		return &hvcall.Fault{Op: hvcall.OpCore, Code: hvcall.CodeOrder, Text: "the application does not run"}
	}
	return c.send(ctx, 0, func(w io.Writer) error { return dumpProcess(app.pid, app.memory, w) })
}

// send sends one that dump writes. signal is what the application crashed by, 0 if it goes on.
func (c *cores) send(ctx context.Context, signal int, dump func(io.Writer) error) error {
	if !c.underway.CompareAndSwap(false, true) {
		return &hvcall.Fault{Op: hvcall.OpCore, Code: hvcall.CodeBusy, Text: "a core is being taken already"}
	}
	defer c.underway.Store(false)
	ctx, cancel := context.WithTimeout(ctx, coreWithin)
	defer cancel()
	if err := c.host.TellCore(ctx, hvcall.Core{Phase: hvcall.CoreBegin, Signal: signal}); err != nil {
		return err
	}
	s := &coreStream{put: func(p hvcall.CorePiece) error { return c.host.PutCore(ctx, p) }, buf: make([]byte, 0, hvcall.MaxCorePiece)}
	err := dump(s)
	if err == nil {
		err = s.flush()
	}
	if err == nil {
		return c.host.TellCore(ctx, hvcall.Core{Phase: hvcall.CoreEnd, Size: s.at})
	}
	// Who refused a piece has given it up already, and who is away will.
	_ = c.host.TellCore(ctx, hvcall.Core{Phase: hvcall.CoreBroke, Text: err.Error()})
	return err
}

// crashed sends what the kernel writes of the application that crashed.
func (c *cores) crashed(signal int, from io.Reader) {
	err := c.send(context.Background(), signal, func(w io.Writer) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{from}, make([]byte, hvcall.MaxCorePiece/2))
		return err
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun, c.lost = true, err
}

// why waits for the core of an application that has ended by a signal, and says why there is none; "" = there is one.
func (c *cores) why(dumped bool) string {
	c.sent.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.lost != nil:
		return c.lost.Error()
	case !c.begun && dumped:
		return "the guest's kernel had nobody to give it to"
	case !c.begun:
		return "the guest's kernel took none: the application may have asked for that (PR_SET_DUMPABLE)"
	}
	return ""
}

// wantCores has the kernel hand over a core when the application, which pid returns, crashes.
func (c *cores) want(pid func() int) error {
	l, err := listenForCores()
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return // it is never closed
			}
			c.sent.Go(func() {
				h, err := receiveCore(conn)
				if err != nil {
					return // it was no helper
				}
				defer h.from.Close()
				if h.pid == pid() { // and not a child of it, whose end is the application's business
					c.crashed(h.signal, h.from)
				}
			})
		}
	}()
	if err := setCorePattern(); err != nil {
		return fmt.Errorf("have cores taken: %w", err)
	}
	return nil
}
