package pid1

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/silo-os/silo/hvcall"
)

const (
	// drainFor is how long output is waited for after the application ended: a process it left behind
	// may hold the pipe open for ever.
	drainFor = 500 * time.Millisecond
	// sendFor is how long a host may take to take it over. One may be starting anew.
	sendFor = 10 * time.Minute
)

// pieceEvery is the least time between two pieces of a stream. What is written meanwhile goes along with the next one: a host counts
// the frames of its guests, not their bytes, and one that sends more than are read comes last.
const pieceEvery = 5 * time.Millisecond

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
	said atomic.Int64 // Unix nanoseconds at which the newest piece was read
	from []*os.File
	wg   sync.WaitGroup
}

// saidAt returns when the application last wrote something.
func (fw *forwarder) saidAt() time.Time { return time.Unix(0, fw.said.Load()) }

// forward copies from f until its end. Each piece is sent until a host has it: while none is there, or a slow one, the
// application's writes wait, as at a slow terminal, with what its pipe holds. Output is dropped only when the
// conversation has ended.
func (fw *forwarder) forward(s hvcall.Stream, f *os.File) {
	fw.from = append(fw.from, f)
	fw.wg.Go(func() {
		defer f.Close()
		buf := make([]byte, hvcall.MaxLog)
		for {
			n, err := f.Read(buf)
			if n > 0 {
				fw.said.Store(time.Now().UnixNano())
				if s == hvcall.StreamErr {
					fw.errs.add(buf[:n])
				}
				fw.send(s, buf[:n]) // a host that is gone is noticed by Serve
				time.Sleep(pieceEvery)
			}
			if err != nil {
				return
			}
		}
	})
}

// drain waits until all output has been sent.
func (fw *forwarder) drain() {
	done := make(chan struct{})
	go func() { fw.wg.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-time.After(drainFor):
	}
	for _, f := range fw.from {
		_ = f.SetReadDeadline(time.Now()) // what was read is still sent
	}
	select {
	case <-done:
	case <-time.After(sendFor):
	}
}
