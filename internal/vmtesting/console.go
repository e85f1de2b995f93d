package vmtesting

import (
	"strings"
	"sync"
)

// lines holds what the console said until somebody awaits it. Its memory is bounded: of a
// guest that talks without end the oldest lines are forgotten.
type lines struct {
	mu      sync.Mutex
	pending []string
	over    bool
	changed chan struct{} // closed and replaced at each change
}

const maxPending = 10_000

func newLines() *lines { return &lines{changed: make(chan struct{})} }

// Write takes one line.
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == maxPending {
		l.pending = l.pending[1:]
	}
	l.pending = append(l.pending, strings.TrimSuffix(string(line), "\n"))
	l.announce()
	return len(line), nil
}

// end says that no line will follow.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.announce()
}

func (l *lines) announce() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// take removes all lines up to the first that has text, and returns that one. Without it,
// it removes all.
func (l *lines) take(text string) (line string, found, over bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, line := range l.pending {
		if strings.Contains(line, text) {
			l.pending = l.pending[i+1:]
			return line, true, false, nil
		}
	}
	l.pending = nil
	return "", false, l.over, l.changed
}

// AwaitConsole waits for a line of the console that contains text, and returns it. The
// next call looks at the lines behind it. The test fails if the guest ends without it,
// which its deadline brings about at the latest.
func (g *Guest) AwaitConsole(text string) string {
	g.t.Helper()
	for {
		line, found, over, changed := g.lines.take(text)
		switch {
		case found:
			return line
		case over:
			g.t.Fatalf("the console never said %q\n%s", text, g.report())
		}
		<-changed
	}
}

// Console is the last lines of the console.
func (g *Guest) Console() []string { return g.console.Tail() }
