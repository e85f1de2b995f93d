package pid1

import "time"

const (
	// crowdedLeast is how long two threads of the application must have shared a vCPU, without a break, before the kernel tells. What is over
	// by then would be over before any grant. A word that leads to nothing doubles it, up to crowdedMost, and one that was right halves it.
	crowdedLeast = 2 * time.Millisecond
	crowdedMost  = 8 * time.Millisecond

	// aheadFor is how long a vCPU stands that was asked for ahead of the application's word: it notices goroutines that wait within
	// two slices of the Go scheduler, if it runs. With crowdedRest it makes no more than ten changes of the demand in a second.
	aheadFor = 150 * time.Millisecond

	// crowdedRest is how long the kernel is not asked after a word that led to nothing, and after the application gave a vCPU up: those that
	// ran on it share what is left for a moment.
	crowdedRest = 50 * time.Millisecond
)

// bell asks for a vCPU at the kernel's word that the application's threads share one, which comes some ten milliseconds before a busy
// program can say so. It is a word in advance: whether the vCPU is worth having the application decides. It is pure; now is the time since
// any fixed moment.
//
//	resting  nobody is told. Time moves it on, once the application has no more wishes open.
//	armed    the kernel tells. Its word moves it on.
//	ahead    one more is asked for. The application's demand moves it on, or time, after which it rests.
type bell struct {
	hears bool // the kernel can tell
	armed bool
	after time.Duration // how long a crowd must last; 0 = crowdedLeast
	ahead int           // vCPUs asked for; 0 = no more than the application does
	until time.Duration // how long they stand
	at    time.Duration // when the kernel may be asked again
}

// rang takes in the kernel's word, in a guest that has so many vCPUs of the most it can have.
func (b *bell) rang(now time.Duration, width, most int) {
	b.armed = false
	if width < most {
		b.ahead, b.until = width+1, now+aheadFor
	}
}

// wanted takes in how many vCPUs the application asks for, and did before.
func (b *bell) wanted(now time.Duration, n, before int) {
	switch {
	case b.ahead != 0 && n >= b.ahead:
		b.ahead, b.after = 0, max(b.after/2, crowdedLeast)
	case n < before:
		b.at = max(b.at, now+crowdedRest)
	}
}

// step moves time on.
func (b *bell) step(now time.Duration) {
	if b.ahead != 0 && now >= b.until {
		b.ahead, b.after = 0, min(max(2*b.after, 2*crowdedLeast), crowdedMost)
		b.at = now + crowdedRest
	}
}

// ask returns after how long a crowd the kernel is to tell, if it is to be asked now: while there is a vCPU that the application neither has
// nor has asked for.
func (b *bell) ask(now time.Duration, width, wanted, most int) (after time.Duration, due bool) {
	if !b.hears || b.armed || b.ahead != 0 || now < b.at || width >= most || wanted > width {
		return 0, false
	}
	b.armed = true
	return max(b.after, crowdedLeast), true
}
