package alloc

import (
	"time"

	"github.com/silo-os/silo/hvcall"
)

// simulation drives a Governor with a model of a Go heap and of a host, in virtual time. The model
// allocates at a rate of which a share survives, collects when the goal is reached (or the limit
// is), lets the mutator run on while it marks, and holds freed memory until told to give it back.
type simulation struct {
	gov     *Governor
	latency time.Duration // from a demand to its grant
	most    int64         // the host grants no more than this; 0 = no bound

	now      time.Duration
	live     int64 // reachable now
	objects  int64 // live and dead
	total    int64 // mapped
	free     int64 // mapped and unused
	marked   int64 // live as the last collection saw it
	marking  time.Duration
	markLive int64 // reachable when marking began
	born     int64 // allocated since
	cycles   uint64
	allocs   int64
	cpu      time.Duration
	gcCPU    time.Duration
	gogc     int64
	set      int // times GOGC was set
	limit    int64
	granted  int64
	pending  []pendingGrant

	short   int64 // worst excess of the footprint over the grant, bytes
	shortAt time.Duration
	demands int
	peak    int64
	next    time.Duration // when to sample
}

type pendingGrant struct {
	at    time.Duration
	bytes int64
}

const (
	simStep    = time.Millisecond
	simRest    = 3 * mib                // what is not heap
	markPerMiB = 500 * time.Microsecond // time to mark one MiB
	simStart   = 16 * mib               // granted at the start
)

func newSimulation(latency time.Duration) *simulation {
	s := &simulation{gov: NewGovernor(Config{}), latency: latency, granted: simStart, total: 4*mib + simRest, gogc: goPercent}
	s.free = 4 * mib
	s.marked = 1
	s.gov.Granted(0, s.granted, hvcall.LimitNone, true)
	return s
}

// run lets the program allocate at rate bytes per second, of which keep stays alive, for a time.
func (s *simulation) run(d time.Duration, rate float64, keep float64) {
	for end := s.now + d; s.now < end; s.now += simStep {
		n := int64(rate * simStep.Seconds())
		s.allocate(n, int64(float64(n)*keep))
		s.collectIfDue()
		s.deliver()
		if s.now >= s.next {
			s.sample()
		}
		if over := s.held() - s.granted; over > s.short {
			s.short, s.shortAt = over, s.now
		}
		s.peak = max(s.peak, s.held())
	}
}

func (s *simulation) held() int64 { return s.total }

func (s *simulation) allocate(n, kept int64) {
	if n > 0 {
		s.cpu += simStep / 2
	}
	s.live += kept
	s.objects += n
	s.allocs += n
	s.born += n
	s.free -= n
	if s.free < 0 {
		s.total -= s.free
		s.free = 0
	}
}

// drop lets go of everything, without allocating.
func (s *simulation) drop() { s.live = 0; s.cpu += 5 * time.Millisecond }

func (s *simulation) collectIfDue() {
	if s.marking > 0 {
		if s.marking -= simStep; s.marking <= 0 {
			s.finish()
		}
		return
	}
	goal := min(Goal(s.read()), max(s.limit-simRest-s.free, s.marked+s.marked/10))
	// The pacer starts early enough to be done at the goal, more or less.
	if s.objects >= goal-goal/16 {
		s.begin()
	}
}

func (s *simulation) begin() {
	s.marking = time.Duration(float64(s.live)/mib*float64(markPerMiB)) + simStep
	s.gcCPU += s.marking
	s.markLive, s.born = s.live, 0
}

func (s *simulation) finish() {
	// What was allocated while marking counts as alive.
	dead := max(0, s.objects-max(s.live, s.markLive+s.born))
	s.objects -= dead
	s.free += dead
	s.marked = max(s.objects, 1)
	s.cycles++
	s.marking = 0
	s.next = s.now // the hook
}

func (s *simulation) read() Sample {
	return Sample{
		Cycles: s.cycles, Live: s.marked, GOGC: s.gogc, GCCPU: s.gcCPU, Objects: s.objects, Free: s.free,
		Total: s.total, Allocs: s.allocs, CPU: s.cpu,
	}
}

func (s *simulation) sample() {
	d := s.gov.Step(s.now, s.read())
	s.limit = d.Limit
	if d.GOGC != 0 {
		s.gogc = d.GOGC
		s.set++
	}
	if d.State {
		s.demands++
		bytes := int64(d.Statement.Memory)
		if s.most > 0 {
			bytes = min(bytes, s.most)
		}
		s.pending = append(s.pending, pendingGrant{s.now + s.latency, bytes})
	}
	s.next = s.now + d.Period
	switch d.Collect {
	case CollectIdle:
		s.begin()
		s.finish()
	case CollectReturn:
		s.begin()
		s.finish()
		s.total -= s.free
		s.free = 0
	}
	if d.Collect != CollectNone {
		s.gov.Collected(time.Millisecond, s.read())
	}
}

// deliver hands out what is due. As the protocol has it, a newer statement replaces an older one.
func (s *simulation) deliver() {
	for len(s.pending) > 0 && s.pending[0].at <= s.now {
		s.granted = s.pending[0].bytes
		s.pending = s.pending[1:]
		s.gov.Granted(s.now, s.granted, s.why(), len(s.pending) == 0)
		s.next = s.now
	}
}

// why is what such a host says with a grant.
func (s *simulation) why() hvcall.Limit {
	if s.most > 0 && s.granted >= s.most {
		return hvcall.LimitMaximum
	}
	return hvcall.LimitNone
}
