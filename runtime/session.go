package runtime

import (
	"context"
	"io"
	"log/slog"
	"os"
	goruntime "runtime"
	"sync"
	"time"

	"github.com/silo-os/silo/alloc"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/sched"
)

// helloTimeout bounds the wait for PID 1, which runs before us and answers within milliseconds.
const helloTimeout = 10 * time.Second

// session is the application's conversation with PID 1. Two governors state their halves of the
// demand; the session puts them together under one revision.
type session struct {
	conn    *hvcall.Conn
	welcome hvcall.Welcome
	memory  *alloc.Agent
	cpus    *sched.Agent
	log     *slog.Logger
	moves   moves
	poke    func() // has what PID 1 said read at once
	guest   bool   // there is a real one around the program
	stop    func() // ends both governors
	work    sync.WaitGroup

	mu      sync.Mutex
	ready   bool // govern has run
	pending hvcall.Grant
	steal   uint32 // said before that, thousandths
	demand  hvcall.Demand
	grant   hvcall.Grant
}

// newSession introduces the program, which ctx bounds, and governs it from then on. guest says that there is a real one around it.
func newSession(ctx context.Context, rw io.ReadWriteCloser, guest bool) (*session, error) {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SILO_DEBUG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	rw, poke := newEager(rw)
	s := &session{conn: hvcall.NewConn(rw, hvcall.Config{Log: log}), log: log, poke: poke, guest: guest}
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	s.work.Go(s.serve)
	w, err := s.conn.SayHello(ctx, hvcall.Hello{
		Role: hvcall.RoleApplication, NumCPU: goruntime.NumCPU(), PID: os.Getpid(),
		Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapSteal},
	})
	if err != nil {
		s.conn.Close()
		return nil, err
	}
	s.welcome = w
	s.govern(w)
	return s, nil
}

// govern starts both governors with what Welcome granted.
func (s *session) govern(w hvcall.Welcome) {
	s.grant = hvcall.Grant{Serial: w.Grant.Serial, Memory: w.Grant.Memory, MilliCPU: w.Grant.MilliCPU}
	s.demand = hvcall.Demand{Applied: w.Grant.Serial, MilliCPU: 1000, Reason: hvcall.ReasonStart}
	s.memory = alloc.New(alloc.Config{
		Guest: s.guest, Collecting: s.collecting, Trace: traceTo(os.Getenv("SILO_TRACE"), s.log),
	}, s.log, s.stateMemory)
	s.cpus = sched.New(sched.Config{Max: s.mostVCPUs(), Guest: s.guest, Each: s.poke, After: s.memory.Along, Calm: s.calm}, s.log, s.stateCPU)
	s.memory.Grant(s.grant, true)
	s.cpus.Grant(w.Grant.MilliCPU)
	ctx, stop := context.WithCancel(context.Background()) // both govern as long as the process lives, or a test
	s.stop = stop
	s.work.Go(func() { s.memory.Run(ctx) })
	s.work.Go(func() { s.cpus.Run(ctx) })
	s.work.Go(s.report)
	for g, is := s.overtook(); is; g, is = s.overtook() {
		s.apply(g)
	}
}

// overtook returns the newest grant that overtook the Welcome, if it is not in force. If there is none the session is ready: from then on
// who reads applies grants, and until then govern, so that never two do.
func (s *session) overtook() (g hvcall.Grant, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is = s.pending.Serial > s.grant.Serial
	s.ready = !is
	if s.ready && s.steal != 0 {
		s.cpus.Steal(s.steal)
	}
	return s.pending, is
}

// end stops governing and returns when nothing of the session runs any more.
func (s *session) end() {
	s.stop()
	s.conn.Close()
	s.work.Wait()
}

// traceTo opens the file that gets each sample of the heap, or returns nil: a trace is worth no failure.
func traceTo(path string, log *slog.Logger) io.Writer {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		log.Warn("samples are not recorded", "err", err)
		return nil
	}
	return f
}

// hold keeps a grant that overtook the Welcome until there is a governor to hand it to. It must
// not wait for that: the Welcome is read by the same loop.
func (s *session) hold(g hvcall.Grant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return false
	}
	s.pending = g
	return true
}

func (s *session) serve() {
	err := s.conn.Serve(context.Background(), s.hear)
	s.log.Debug("conversation with PID 1 ended", "err", err)
}

// hear takes in what PID 1 says.
func (s *session) hear(ctx context.Context, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpGrant:
		g, err := hvcall.DecodeGrant(f.Payload)
		if err != nil {
			return nil, err
		}
		if !s.hold(g) {
			s.apply(g)
		}
		return nil, nil
	case hvcall.OpSteal:
		st, err := hvcall.DecodeSteal(f.Payload)
		if err != nil {
			return nil, err
		}
		s.stolen(st)
		return nil, nil
	case hvcall.OpMigrate:
		m, err := hvcall.DecodeMigrate(f.Payload)
		if err == nil {
			s.migrate(ctx, m)
		}
		return nil, err
	case hvcall.OpShutdown:
		d, err := hvcall.DecodeShutdown(f.Payload)
		if err != nil {
			return nil, err
		}
		ending.in(d.Within)
		return nil, nil
	case hvcall.OpProfile:
		p, err := hvcall.DecodeProfile(f.Payload)
		if err != nil {
			return nil, err
		}
		return profile(ctx, p)
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

// stolen hands on what others on the host took, or keeps it until there is a governor.
func (s *session) stolen(st hvcall.Steal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready {
		s.steal = st.Taken
		return
	}
	s.cpus.Steal(st.Taken)
}

// apply obeys a grant and says so: for a shrink PID 1 narrows the cpuset only after that.
func (s *session) apply(g hvcall.Grant) {
	s.mu.Lock()
	if g.Serial <= s.grant.Serial {
		s.mu.Unlock()
		return
	}
	before, revision := s.grant, s.demand.Revision
	s.grant = g
	s.mu.Unlock()
	s.cpus.Spare(g.Limit == hvcall.LimitLate)
	s.memory.Grant(g, g.Revision >= revision)
	s.cpus.Grant(g.MilliCPU)
	// What is stated while a grant is being applied, by either governor, does not say that it is: PID 1 narrows the cpuset on that word.
	if g.MilliCPU < before.MilliCPU {
		s.restate(func(d *hvcall.Demand) { d.Applied = g.Serial })
	} else {
		s.mu.Lock()
		s.demand.Applied = g.Serial
		s.mu.Unlock()
	}
}

// calm reports whether the program has the memory it asked for, as far as it was answered.
func (s *session) calm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grant
	return g.Revision >= s.demand.Revision && g.Limit != hvcall.LimitLate && (g.Limit == hvcall.LimitNone || g.Memory >= s.demand.Memory)
}

// collection is the source of what collections are expected to need.
type collection struct{}

// collecting has more vCPUs asked for, for the collector: the scheduler's own figures do not count its workers.
func (s *session) collecting(need alloc.Need) {
	vcpus := 0
	switch need {
	case alloc.NeedBeside:
		vcpus = 2 // the program's and its collector's
	case alloc.NeedAll:
		vcpus = s.mostVCPUs()
	}
	s.cpus.Expect(collection{}, vcpus)
}

// mostVCPUs is how many the guest may ever have.
func (s *session) mostVCPUs() int { return int(s.welcome.CPU.MaxMilli+999) / 1000 }

func (s *session) granted() hvcall.Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grant
}

// stateMemory states no more than can be spoken of, or PID 1 would not read it. It is more than any host has, and refused by it.
func (s *session) stateMemory(st alloc.Statement) {
	s.restate(func(d *hvcall.Demand) {
		d.Memory, d.Floor = min(st.Memory, hvcall.MaxMemory), min(st.Floor, hvcall.MaxMemory)
		d.Urgency, d.Reason = st.Urgency, st.Reason
	})
}

func (s *session) stateCPU(st sched.Statement) {
	s.restate(func(d *hvcall.Demand) { d.MilliCPU, d.Reason = st.MilliCPU, hvcall.ReasonRunQueue })
}

// restate changes the demand and sends it whole. It holds the lock while sending so that revisions
// leave in their order.
func (s *session) restate(change func(*hvcall.Demand)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.demand)
	if s.demand.Memory == 0 { // the first one waits for the memory's half, which comes at once
		return
	}
	s.demand.Revision++
	if err := s.conn.SendDemand(s.demand); err != nil {
		s.log.Debug("demand not sent", "err", err)
	}
}

// report tells PID 1 once a second what the Go runtime knows and the kernel does not.
func (s *session) report() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.conn.Done():
			return
		case <-tick.C:
		}
		_, m := s.memory.Standing()
		u := hvcall.Usage{
			Application: uint64(m.Held()), Live: uint64(m.Live), Cycles: m.Cycles, CPUNanos: uint64(m.CPU),
			GoMaxProcs: uint32(goruntime.GOMAXPROCS(0)),
		}
		if err := s.conn.SendUsage(u); err != nil {
			return
		}
	}
}
