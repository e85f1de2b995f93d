package node

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// outputRoom is how much output is buffered for a slow writer, in bytes, give or take a frame.
const outputRoom = 1 << 20

// output passes on what a guest writes, in order, from one goroutine.
type output struct {
	streams map[hvcall.Stream]io.Writer
	log     *slog.Logger

	queue   chan piece
	drained chan struct{} // closed when the queue was closed and written
	aborted chan struct{} // closed when nobody waits for the rest
	once    sync.Once
}

// piece is some output, and written is closed once it has been written or given up.
type piece struct {
	hvcall.Log
	written chan struct{}
}

// errNotTaken is the answer for output that nobody waits for any more.
var errNotTaken = errors.New("the output is not taken any more")

func newOutput(s GuestSpec, log *slog.Logger) *output {
	o := &output{
		streams: map[hvcall.Stream]io.Writer{hvcall.StreamOut: s.Stdout, hvcall.StreamErr: s.Stderr, hvcall.StreamInit: s.InitLog},
		log:     log,
		queue:   make(chan piece, outputRoom/hvcall.MaxLog),
		drained: make(chan struct{}), aborted: make(chan struct{}),
	}
	go o.write()
	return o
}

// write ends when the queue is closed, or at the first piece after an abort.
func (o *output) write() {
	defer close(o.drained)
	failed := make(map[hvcall.Stream]bool)
	for piece := range o.queue {
		if o.isAborted() {
			return
		}
		if _, err := o.streams[piece.Stream].Write(piece.Data); err != nil && !failed[piece.Stream] {
			// The application must not stop because nobody reads it any more; it is told once.
			failed[piece.Stream] = true
			o.log.Warn("output of guest not written", "stream", piece.Stream, "err", err)
		}
		close(piece.written)
	}
}

func (o *output) isAborted() bool {
	select {
	case <-o.aborted:
		return true
	default:
		return false
	}
}

// put adds a piece. It waits while there is no room for it. What it returns is closed once the piece is written.
func (o *output) put(l hvcall.Log) <-chan struct{} {
	p := piece{l, make(chan struct{})}
	select {
	case o.queue <- p:
	case <-o.aborted:
	}
	return p.written
}

// await waits until a piece has been written. It fails when nobody writes any more.
func (o *output) await(written <-chan struct{}) error {
	select {
	case <-written:
		return nil
	case <-o.aborted:
		return errNotTaken
	}
}

// abortAfter lets whoever waits for the output go after a time.
func (o *output) abortAfter(d time.Duration) {
	o.once.Do(func() { time.AfterFunc(d, func() { close(o.aborted) }) })
}

// close waits until all is written, or for an abort. Nothing may be put any more.
func (o *output) close() {
	close(o.queue)
	select {
	case <-o.drained:
	case <-o.aborted:
	}
}
