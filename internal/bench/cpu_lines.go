package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// heardLine is a line of a guest with the moment in which the host heard it.
type heardLine struct {
	text string
	at   time.Time
}

// lines is a writer that keeps what a guest says until it is asked for.
type lines struct {
	mu      sync.Mutex
	partial []byte
	heard   []heardLine
	tail    []string
	more    chan struct{} // closed at the next line
	hook    func(line string)
}

func newLines() *lines { return &lines{more: make(chan struct{})} }

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	at := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, b...)
	for {
		line, rest, ok := bytes.Cut(l.partial, []byte("\n"))
		if !ok {
			l.partial = bytes.Clone(l.partial[max(0, len(l.partial)-longestLine):])
			return len(b), nil
		}
		l.partial = rest
		l.add(heardLine{strings.TrimSpace(string(line)), at})
	}
}

func (l *lines) add(h heardLine) {
	l.heard = append(l.heard, h)
	l.heard = l.heard[max(0, len(l.heard)-otherLines):]
	l.tail = append(l.tail, h.text)
	l.tail = l.tail[max(0, len(l.tail)-otherLines):]
	close(l.more)
	l.more = make(chan struct{})
	if l.hook != nil {
		l.hook(h.text)
	}
}

// each has f called with every line from now on. It must not wait.
func (l *lines) each(f func(line string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hook = f
}

// forget drops what was said and not asked for.
func (l *lines) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = nil
}

// await takes the oldest line that contains the words. Those before it stay: where a vCPU came late, a burst is over before the vCPU is
// taken back.
func (l *lines) await(ctx context.Context, gone <-chan struct{}, words string) (heardLine, error) {
	ctx, cancel := context.WithTimeout(ctx, bootDeadline)
	defer cancel()
	for {
		l.mu.Lock()
		for i, h := range l.heard {
			if strings.Contains(h.text, words) {
				l.heard = slices.Delete(l.heard, i, i+1)
				l.mu.Unlock()
				return h, nil
			}
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-gone:
			return heardLine{}, fmt.Errorf("%w: it never said %q: %s", errGone, words, l.last())
		case <-ctx.Done():
			return heardLine{}, fmt.Errorf("wait for %q: %w: %s", words, ctx.Err(), l.last())
		}
	}
}

// last is what was said last.
func (l *lines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return "last lines of the guest:\n  " + strings.Join(l.tail, "\n  ")
}

// cpuEvent is what the load program says; see cpuload.Event.
type cpuEvent struct {
	Kind    string
	Began   int64 // nanoseconds of the guest's clock, as all times
	Ran     int64
	Done    int64
	Pieces  int64
	Changes int
	P50     int64
	P99     int64
	Procs   int
}

// event awaits what the load program says of an order.
func (l *lines) event(ctx context.Context, gone <-chan struct{}, kind string) (e cpuEvent, err error) {
	h, err := l.await(ctx, gone, `{"Kind":"`+kind+`"`)
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal([]byte(h.text[strings.IndexByte(h.text, '{'):]), &e)
}
