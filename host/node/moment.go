package node

import (
	"sync"
	"time"
)

// moment is something that happens once.
type moment struct {
	c    chan struct{} // closed when it has happened
	once *sync.Once
	at   *time.Time // set before c is closed
}

func newMoment() moment {
	return moment{c: make(chan struct{}), once: new(sync.Once), at: new(time.Time)}
}

// happen marks the moment; only the first one counts.
func (m moment) happen() {
	m.once.Do(func() {
		*m.at = time.Now()
		close(m.c)
	})
}

// when is the time of the moment, zero until it has happened.
func (m moment) when() time.Time {
	select {
	case <-m.c:
		return *m.at
	default:
		return time.Time{}
	}
}
