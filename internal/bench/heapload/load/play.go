package load

import (
	"runtime"
	"time"
)

func (r *run) ramp() error {
	end := r.begin()
	rate := r.growTo(r.Top * mib)
	end()
	r.full(r.store.live, rate)
	r.drop(0)
	return r.finish()
}

func (r *run) steps() error {
	top := r.Top * mib
	end := r.begin()
	rate := 0.0
	for size := int64(stepSize); size <= top; size += stepSize {
		rate = r.growTo(size)
		time.Sleep(stepHold)
	}
	end()
	r.full(r.store.live, rate)
	for size := top - stepSize; size >= 0; size -= stepSize {
		r.drop(size)
		if size > 0 {
			time.Sleep(stepHold)
		}
	}
	return r.finish()
}

func (r *run) sawtooth() error {
	for range teeth {
		end := r.begin()
		r.tooth()
		end()
		r.drop(toothFloor)
		time.Sleep(toothIdle)
	}
	return r.finish()
}

// tooth works as fast as it can; the live data grows by the clock, so that the work is the same
// load on every guest.
func (r *run) tooth() {
	start, from, rise := time.Now(), r.store.live, toothBusy*4/5
	for {
		t := time.Since(start)
		if t >= toothBusy {
			return
		}
		target := from + int64(float64(r.Top*mib-from)*min(1, t.Seconds()/rise.Seconds()))
		if r.store.live < target || len(r.values) == 0 {
			r.add()
		} else {
			r.replace()
		}
		r.live.Store(r.store.live)
	}
}

// large makes one allocation at once.
func (r *run) large() error {
	end := r.begin()
	size := r.Top * mib
	start := time.Now()
	release := func() {}
	if r.Reserve != nil {
		var err error
		if release, err = r.Reserve(size); err != nil {
			e := r.event(Done, 0)
			e.Refused = err.Error()
			r.tell(e)
			return nil
		}
	}
	b := make([]byte, size)
	touch(b)
	release() // from here on the heap's own figures speak for it
	r.ops++
	end()
	r.full(size, float64(r.Top)/max(time.Since(start), time.Nanosecond).Seconds())
	time.Sleep(largeHold)
	runtime.KeepAlive(b)
	r.say(Dropped, size)
	return r.finish()
}
