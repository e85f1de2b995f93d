package pid1

import (
	"os"
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// drainFor is how long output is waited for after the application ended: a process it left behind
// may hold the pipe open for ever.
const drainFor = 500 * time.Millisecond

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailMost = hvcall.MaxTrace

func (t *tail) add(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailMost; over > tailMost {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.buf[max(0, len(t.buf)-tailMost):]...)
}

// forwarder carries the application's output to the host as it comes.
type forwarder struct {
	send func(hvcall.Stream, []byte) error
	errs tail
	wg   sync.WaitGroup
}

// forward copies from f until its end. Output that the host does not take is dropped after the
// connection is gone; until then a slow host slows the application down, as a slow terminal would.
func (fw *forwarder) forward(s hvcall.Stream, f *os.File) {
	fw.wg.Go(func() {
		defer f.Close()
		buf := make([]byte, hvcall.MaxLog)
		for {
			n, err := f.Read(buf)
			if n > 0 {
				if s == hvcall.StreamErr {
					fw.errs.add(buf[:n])
				}
				fw.send(s, buf[:n]) // a host that is gone is noticed by Serve
			}
			if err != nil {
				return
			}
		}
	})
}

// drain waits until all output has been sent, at most for drainFor.
func (fw *forwarder) drain() {
	done := make(chan struct{})
	go func() { fw.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(drainFor):
	}
}
