package alloc

import "time"

// Moment is one line of a trace: a Sample and when it was taken, in nanoseconds since the Agent was made.
type Moment struct {
	At time.Duration `json:"at"`
	Sample
}
