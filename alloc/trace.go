package alloc

import (
	"encoding/json"
	"io"
	"time"
)

// Moment is one line of a trace: a Sample and when it was taken, in nanoseconds since the Agent was made.
type Moment struct {
	At time.Duration `json:"at"`
	Sample
}

// trace writes moments as JSON lines. What can be recorded can be replayed: a Governor that is fed
// the moments of a trace decides as the one did that lived through them.
type trace struct {
	w   io.Writer // nil = nothing is recorded
	err error     // the first one; recording ends with it
}

func (t *trace) add(m Moment) {
	if t.w == nil || t.err != nil {
		return
	}
	b, err := json.Marshal(m)
	if err == nil {
		_, err = t.w.Write(append(b, '\n'))
	}
	t.err = err
}
