package bench

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"
)

// listener is a writer that notes when certain words first went through it.
type listener struct {
	words []byte

	mu    sync.Mutex
	tail  []byte // the end of what came before the words, which may come in pieces
	heard time.Time
	said  chan struct{} // closed when the words came
}

func newListener(words string) *listener {
	return &listener{words: []byte(words), said: make(chan struct{})}
}

// Write implements io.Writer.
func (l *listener) Write(b []byte) (int, error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.heard.IsZero() {
		return len(b), nil
	}
	l.tail = append(l.tail, b...)
	if bytes.Contains(l.tail, l.words) {
		l.heard = now
		close(l.said)
	}
	l.tail = bytes.Clone(l.tail[max(0, len(l.tail)-len(l.words)-lastWords):])
	return len(b), nil
}

// lastWords is how much of what came is kept for errors, in bytes.
const lastWords = 400

// last is the end of what came.
func (l *listener) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strconv.Quote(string(l.tail))
}

// wait waits for the words and returns when they came. The end of who should say them is an error.
func (l *listener) wait(ctx context.Context, gone <-chan struct{}) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, bootDeadline)
	defer cancel()
	select {
	case <-l.said:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.heard, nil
	case <-gone:
		return time.Time{}, errGone
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}
