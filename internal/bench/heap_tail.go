package bench

import (
	"bytes"
	"strings"
)

// tailRoom is how much of a guest's talk is kept for errors, in bytes.
const tailRoom = 8 << 10

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if len(t.b) > 2*tailRoom {
		t.b = bytes.Clone(t.b[len(t.b)-tailRoom:])
	}
	return len(b), nil
}

// lines are the last lines.
func (t *tail) lines() []string {
	all := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return all[max(0, len(all)-consoleLines):]
}

// consoleLines is how many lines of a guest are shown when it ended as it should not have.
const consoleLines = 25
