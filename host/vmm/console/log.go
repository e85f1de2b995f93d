package console

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// What is kept of a stream. A kernel's panic with its trace has 50 to 100 lines.
const (
	MaxLines    = 200
	MaxLineSize = 1024 // bytes; a longer line is broken in pieces
)

// Log takes a stream of bytes apart into lines that are safe to show, keeps the last of
// them and copies all of them on. The zero value is ready for use. One goroutine may write
// while others call Tail.
type Log struct {
	// CopyTo gets each line as it is complete; nil = nobody. After its first error it gets
	// no more.
	CopyTo io.Writer

	mu      sync.Mutex
	last    []string // ring: the oldest is at next once it is full
	next    int
	partial []byte
}

// Write never fails: a copy that cannot be written is given up.
func (l *Log) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room := MaxLineSize - len(l.partial)
		end := bytes.IndexByte(p[:min(len(p), room)], '\n')
		switch {
		case end >= 0:
			l.finish(append(l.partial, p[:end]...))
			p = p[end+1:]
		case len(p) >= room:
			l.finish(append(l.partial, p[:room]...))
			p = p[room:]
		default:
			l.partial = append(l.partial, p...)
			p = nil
		}
	}
	return n, nil
}

// Flush ends an unfinished last line.
func (l *Log) Flush() {
	if len(l.partial) > 0 {
		l.finish(l.partial)
	}
}

// finish takes one line, which it does not keep.
func (l *Log) finish(raw []byte) {
	line := Plain(raw)
	l.partial = l.partial[:0]
	l.keep(line)
	if l.CopyTo != nil {
		if _, err := io.WriteString(l.CopyTo, line+"\n"); err != nil {
			l.CopyTo = nil
		}
	}
}

func (l *Log) keep(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) < MaxLines {
		l.last = append(l.last, line)
		return
	}
	l.last[l.next] = line
	l.next = (l.next + 1) % MaxLines
}

// Tail is the last lines, oldest first.
func (l *Log) Tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(append([]string(nil), l.last[l.next:]...), l.last[:l.next]...)
}

// escapes are terminal control sequences: CSI, OSC and its relatives, and two-byte ones.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]*[0-~])")

// Plain removes from a line what a terminal would act on; tabs stay.
func Plain(raw []byte) string {
	s := strings.ToValidUTF8(string(escapes.ReplaceAll(raw, nil)), "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || unicode.IsPrint(r):
			return r
		default:
			return -1
		}
	}, s)
}
