package hvcalltest

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// HostConfig configures a Host. The zero value grants everything within the default bounds.
type HostConfig struct {
	Welcome hvcall.Welcome // the answer to Hello; without memory bounds: those of DefaultWelcome
	Policy  Policy         // nil = as the Script says
	Script  Script         // bounds, where it has some, and what is done when; the zero value grants everything
	Tell    io.Writer      // gets a line for people with each change of what is demanded and granted; nil = nobody does
	Conn    hvcall.Config
}

// DefaultWelcome is a small guest that may grow: 64 MiB to 4 GiB, one vCPU to four.
func DefaultWelcome() hvcall.Welcome {
	return hvcall.Welcome{
		Name:         "test",
		Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog, hvcall.CapSteal},
		Grant:        hvcall.GrantJSON{Serial: 1, Memory: 64 << 20, MilliCPU: 1000},
		Memory:       hvcall.MemoryBounds{Boot: 64 << 20, Max: 4 << 30},
		CPU:          hvcall.CPUBounds{MinMilli: 1000, MaxMilli: 4000},
	}
}

// Host is a fake host. What the guest says is in its journals.
type Host struct {
	Hellos  Journal[hvcall.Hello]
	Readies Journal[time.Time] // when each Ready came
	Demands Journal[hvcall.Demand]
	Usages  Journal[hvcall.Usage]
	Logs    Journal[hvcall.Log]
	Exits   Journal[hvcall.Exit]
	Cores   Journal[hvcall.Core] // how far a core is
	Pieces  Journal[hvcall.CorePiece]
	Granted Journal[hvcall.Grant] // what this host granted, when it was sent
	Moves   Journal[Moved]        // moves that a script made, when they were over
	Refused Journal[error]        // what this host answered with an error

	// Overruns has each time that the guest was found to hold more than it was granted and had time to give back. In a
	// virtual machine a thread would have waited in its page fault until more is granted.
	Overruns Journal[Overrun]

	conn   *hvcall.Conn
	out    *outbox
	script Script
	moving sync.WaitGroup

	mu       sync.Mutex
	welcome  hvcall.Welcome // guarded by mu, as all below
	policy   Policy         // nil = the stance
	stance   stance
	standing hvcall.Demand // the newest demand
	now      hvcall.Grant  // the newest grant sent
	greeted  bool          // the script has begun
	watch    watch
	tale     tale
}

// NewHost makes a host that will speak over rw. Serve starts it.
func NewHost(rw io.ReadWriteCloser, cfg HostConfig) *Host {
	if cfg.Welcome.Memory == (hvcall.MemoryBounds{}) {
		w := DefaultWelcome()
		cfg.Welcome.Memory, cfg.Welcome.CPU, cfg.Welcome.Grant = w.Memory, w.CPU, w.Grant
		if cfg.Welcome.Name == "" {
			cfg.Welcome.Name = w.Name
		}
		if cfg.Welcome.Capabilities == nil {
			cfg.Welcome.Capabilities = w.Capabilities
		}
	}
	cfg.Welcome = cfg.Script.bound(cfg.Welcome)
	first := cfg.Welcome.Grant
	return &Host{
		conn: hvcall.NewConn(rw, cfg.Conn), out: newOutbox(), script: cfg.Script, welcome: cfg.Welcome, policy: cfg.Policy,
		now:  hvcall.Grant{Serial: first.Serial, Memory: first.Memory, MilliCPU: first.MilliCPU},
		tale: tale{to: cfg.Tell},
	}
}

// StartHost makes a pipe, serves a host at one end until the test ends, and returns the other end.
func StartHost(t TB, cfg HostConfig) (guest net.Conn, h *Host) {
	guest, host := hvcall.Pipe()
	h = NewHost(host, cfg)
	keepServing(t, h.Serve)
	return guest, h
}

// Serve answers the guest until the conversation ends; see [hvcall.Conn.Serve].
func (h *Host) Serve(ctx context.Context) error {
	defer h.moving.Wait() // a move that is under way fails when the conversation has ended
	return serveWith(ctx, h.out, h.conn, h.handle)
}

// Conn is the host's end of the conversation, for what has no method here.
func (h *Host) Conn() *hvcall.Conn { return h.conn }

// Now is the newest grant sent.
func (h *Host) Now() hvcall.Grant {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// SetPolicy replaces the policy for the demands to come; nil, and the next act, is the script again.
func (h *Host) SetPolicy(p Policy) {
	h.mu.Lock()
	h.policy = p
	h.mu.Unlock()
}

// Do does now what a script does in a step, and what follows from it for the demands to come. An act that no script
// could have is an error, and nothing is done.
func (h *Host) Do(a Act) error {
	if err := (Script{Memory: h.welcome.Memory, CPU: h.welcome.CPU, Steps: []Step{{0, a}}}).Check(); err != nil {
		return err
	}
	h.doAfter(0, a)
	return nil
}

// Grant states g unasked. Serial and Revision are filled in.
func (h *Host) Grant(g hvcall.Grant) { h.post(g, 0) }

// Shrink tells the guest to hold no more than memory bytes, within that time. It is said once: the next demand is answered by
// the policy as ever. Do(Shrinking) lasts.
func (h *Host) Shrink(memory uint64, within time.Duration) {
	g := h.Now()
	g.Memory, g.Within, g.Limit = memory, uint32(within.Milliseconds()), hvcall.LimitReclaim
	h.post(g, 0)
}

// Close ends the conversation, as a host that goes away does.
func (h *Host) Close() error { return h.conn.Close() }

// post numbers a grant and hands it to the outbox.
func (h *Host) post(g hvcall.Grant, delay time.Duration) {
	h.out.put(delay, func() { h.send(g) })
}

// send numbers a grant and sends it. Only the outbox calls it.
func (h *Host) send(g hvcall.Grant) {
	h.mu.Lock()
	g.Serial = h.now.Serial + 1
	if g.Revision == 0 {
		g.Revision = h.now.Revision
	}
	h.watch.granted(time.Now(), h.now, g)
	h.tale.granted(h.now, g)
	h.now = g
	h.mu.Unlock()
	if h.conn.SendGrant(g) == nil {
		h.Granted.add(g)
	}
}
