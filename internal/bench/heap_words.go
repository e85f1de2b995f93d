package bench

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/silo-os/silo/internal/bench/heapload/load"
)

// word is a line of the load program with the moment in which the host heard it.
type word struct {
	load.Event
	at time.Duration
}

// words hears the load program, over whatever its output comes. What is not a line of its is passed
// over: on a console the kernel speaks as well.
type words struct {
	start time.Time

	mu      sync.Mutex
	partial []byte // of a line that has not ended; guarded by mu, as all below
	other   []string
	heard   []word
	more    chan struct{} // closed at the next word
}

func newWords(start time.Time) *words { return &words{start: start, more: make(chan struct{})} }

// Write implements io.Writer.
func (w *words) Write(b []byte) (int, error) {
	at := time.Since(w.start)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partial = append(w.partial, b...)
	for {
		line, rest, ok := bytes.Cut(w.partial, []byte("\n"))
		if !ok {
			w.partial = bytes.Clone(w.partial[max(0, len(w.partial)-longestLine):])
			return len(b), nil
		}
		w.partial = rest
		w.line(at, bytes.TrimSpace(line))
	}
}

// The guest is a guest: what is kept of it is bounded.
const (
	longestLine = 4 << 10
	otherLines  = 60
)

func (w *words) line(at time.Duration, line []byte) {
	heard := word{at: at}
	if i := bytes.IndexByte(line, '{'); i < 0 || json.Unmarshal(line[i:], &heard.Event) != nil {
		if len(line) > 0 {
			w.other = append(w.other, string(line))
			w.other = w.other[max(0, len(w.other)-otherLines):]
		}
		return
	}
	w.heard = append(w.heard, heard)
	close(w.more)
	w.more = make(chan struct{})
}

// since returns the words from a number on, and a channel that is closed at the next one.
func (w *words) since(n int) ([]word, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.heard[min(n, len(w.heard)):]), w.more
}

// all returns every word so far.
func (w *words) all() []word {
	heard, _ := w.since(0)
	return heard
}

// rest returns the last lines that were none of the program's.
func (w *words) rest() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.other)
}

// last returns the newest word of a kind.
func last(heard []word, kind load.Kind) (word, bool) {
	for _, h := range slices.Backward(heard) {
		if h.Kind == kind {
			return h, true
		}
	}
	return word{}, false
}

// first returns the oldest word of a kind.
func first(heard []word, kind load.Kind) (word, bool) {
	if i := slices.IndexFunc(heard, func(h word) bool { return h.Kind == kind }); i >= 0 {
		return heard[i], true
	}
	return word{}, false
}
