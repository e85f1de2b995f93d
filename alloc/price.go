package alloc

import (
	"math"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// heapRule chooses GOGC by the price of memory. It is the square-root rule of Kirisame, Shenoy and Panchekha
// (Optimal Heap Limits for Reducing Browser Memory Use, OOPSLA 2022), in Go's terms.
//
// A collection costs marked/speed processor seconds, and one is due each time extra bytes have been
// allocated, so collecting takes marked/speed × rate/extra vCPUs. Holding the extra bytes costs price × extra.
// The sum of both is least where
//
//	extra = √(marked × rate / (speed × price))
//
// with bytes, bytes per second, bytes per processor second and vCPUs per byte. Every heap that does so at
// one price has the same marginal gain from one more byte, so no byte would be better used elsewhere: that
// is why guests need not know of one another.
//
// Rate and speed are measured, as in the paper, as quotients of sums that both decay: bytes over seconds
// with time, bytes over processor seconds with each collection. The quotient of averages
// weighs a long collection as what it is; the average of quotients would not.
//
// A GOGC that is not the rule's own is the user's: from then on the rule is silent. The zero value is
// ready for use, with a price of 0.
type heapRule struct {
	price uint64 // as granted

	allocated, seconds float64 // decaying with time
	marked, processor  float64 // decaying with collections: bytes, processor seconds

	set     int64 // GOGC as it should be read: Go's own, or what the rule set last; 0 = not begun
	yielded bool  // GOGC is the user's

	last   Sample
	lastAt time.Duration
}

const (
	// goPercent is GOGC where nobody set it.
	goPercent = 100

	// percentLeast and percentMost bound GOGC. A heap with a fifth of Go's extra collects five times as often
	// and has no more than a sixth of its size to give by going lower. At eight times Go's extra
	// seven eighths of collecting are saved already, and a price that rises again finds most of
	// the heap to be garbage.
	percentLeast = 20
	percentMost  = 800

	// priceFull is the price from which the whole range counts; below it the bounds close in on goPercent.
	// So a price that comes or goes makes no heap jump, and the host's search for it has something to
	// hold on to. At a quarter of a vCPU for a GiB, 100 MiB that allocate 10 MiB/s and are marked at 500 MiB/s
	// have about Go's own extra.
	priceFull = 1 << 18

	// allocHalfLife: a demand must follow a phase of the program within seconds, as the price does,
	// and not follow single requests.
	allocHalfLife = 5 * time.Second

	// markKeep is what a collection leaves of those before it: a heap's shape changes speed slowly.
	markKeep = 0.5

	// percentNews: smaller changes than this part of GOGC are not made.
	percentNews = 8

	// extraLeast is what Go gives the smallest heap. Less saves less than the host can take back.
	extraLeast = minHeapGoal
)

// step takes in a sample and returns the GOGC to set, or 0 to leave it. yielded is true once, when
// the rule finds that somebody else has set it.
func (r *heapRule) step(now time.Duration, s Sample) (percent int64, yielded bool) {
	if r.set == 0 {
		r.set, r.last, r.lastAt = goPercent, s, now
	}
	if r.yielded {
		return 0, false
	}
	if s.GOGC != r.set {
		r.yielded = true
		return 0, true
	}
	r.learn(now, s)
	want := r.percent(s)
	if d := max(want-r.set, r.set-want); d == 0 || d <= r.set/percentNews && want != goPercent {
		return 0, false
	}
	r.set = want
	return want, false
}

// learn takes in what was allocated and what was marked since the last sample.
func (r *heapRule) learn(now time.Duration, s Sample) {
	dt := (now - r.lastAt).Seconds()
	if dt > 0 && s.Allocs >= r.last.Allocs {
		keep := math.Exp2(-dt / allocHalfLife.Seconds())
		r.allocated = r.allocated*keep + float64(s.Allocs-r.last.Allocs)
		r.seconds = r.seconds*keep + dt
	}
	if s.Cycles > r.last.Cycles && s.GCCPU > r.last.GCCPU {
		n := float64(s.Cycles - r.last.Cycles)
		keep := math.Pow(markKeep, n)
		r.marked = r.marked*keep + n*float64(s.marks())
		r.processor = r.processor*keep + (s.GCCPU - r.last.GCCPU).Seconds()
	}
	r.last, r.lastAt = s, now
}

// percent is the GOGC that the rule has for a heap at the present price.
func (r *heapRule) percent(s Sample) int64 {
	switch {
	case r.price == 0:
		return goPercent
	case r.processor == 0 || r.seconds == 0:
		return r.set // nothing is known yet
	}
	extra := extraHeap(float64(s.marks()), r.allocated/r.seconds, r.marked/r.processor, hvcall.PriceOf(r.price))
	return percentOf(s, extra, r.price)
}

// extraHeap is the rule: marked in bytes, rate in bytes per second, speed in bytes per processor second, price
// in vCPUs per byte, all above 0; the result is in bytes.
func extraHeap(marked, rate, speed, price float64) float64 {
	return math.Sqrt(marked * rate / (speed * price))
}

// percentOf is the GOGC at which the heap's goal is extra bytes above what is live, within the bounds that
// hold at a price.
func percentOf(s Sample, extra float64, price uint64) int64 {
	extra = max(extra, extraLeast)
	p := goPercent * (float64(s.Live) + extra) / minHeapGoal // by Go's least heap, which rises with GOGC
	if m := s.marks(); m > 0 {
		p = min(p, goPercent*extra/float64(m))
	}
	full := min(1, float64(price)/priceFull)
	low, high := goPercent-full*(goPercent-percentLeast), goPercent+full*(percentMost-goPercent)
	return int64(math.Round(min(max(p, low), high)))
}
