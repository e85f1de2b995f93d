// Package heart measures in the programs of the tests how long a goroutine could not run that needs no memory.
//
//	stop := heart.Beat()
//	…
//	gap := stop()
package heart

import "time"

// Beat begins to beat. What it returns ends that and says how long the longest gap was. It neither allocates nor waits
// for a lock.
func Beat() (stop func() (longest time.Duration)) {
	done, gap := make(chan struct{}), make(chan time.Duration)
	go beat(done, gap)
	return func() time.Duration {
		close(done)
		return <-gap
	}
}

func beat(done <-chan struct{}, gap chan<- time.Duration) {
	var longest time.Duration
	last := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	for {
		select {
		case <-done:
			gap <- longest
			return
		case <-tick.C:
			longest = max(longest, time.Since(last))
			last = time.Now()
		}
	}
}
