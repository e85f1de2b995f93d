package hvcalltest

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// Manner is how a Guest takes a grant.
type Manner struct {
	Delay        time.Duration // from a grant to having done what it says
	RefuseShrink bool          // never give back what it holds
	RefuseEnd    bool          // answer Shutdown with a fault
}

// GuestConfig configures a Guest. The zero value is PID 1 of an obedient guest.
type GuestConfig struct {
	Hello  hvcall.Hello // without a role: PID 1 that can do everything
	Manner Manner
	Conn   hvcall.Config
}

// Guest is a fake guest. What the host says is in its journals.
type Guest struct {
	Grants    Journal[hvcall.Grant]
	Shutdowns Journal[hvcall.Shutdown]
	Steals    Journal[hvcall.Steal]
	Migrates  Journal[hvcall.Migrate]
	Profiles  Journal[hvcall.Profile] // asked for; each is answered with its kind
	Refused   Journal[error]          // what this guest answered with an error

	rw    io.ReadWriteCloser
	conn  *hvcall.Conn
	hello hvcall.Hello
	out   *outbox

	mu      sync.Mutex
	manner  Manner // guarded by mu, as all below
	stated  hvcall.Demand
	holding hvcall.Grant
}

// NewGuest makes a guest that will speak over rw. Serve starts it.
func NewGuest(rw io.ReadWriteCloser, cfg GuestConfig) *Guest {
	if cfg.Hello.Role == "" {
		cfg.Hello = hvcall.Hello{Role: hvcall.RolePID1, Build: "hvcalltest", NumCPU: 4, PID: 1,
			Capabilities: []hvcall.Capability{hvcall.CapMemory, hvcall.CapCPU, hvcall.CapLog, hvcall.CapSteal, hvcall.CapVolumes, hvcall.CapCores}}
	}
	return &Guest{rw: rw, conn: hvcall.NewConn(rw, cfg.Conn), hello: cfg.Hello, out: newOutbox(), manner: cfg.Manner}
}

// StartGuest makes a pipe, serves a guest at one end until the test ends, and returns the other
// end. The guest says nothing until it is told to.
func StartGuest(t TB, cfg GuestConfig) (host net.Conn, g *Guest) {
	guest, host := hvcall.Pipe()
	g = NewGuest(guest, cfg)
	keepServing(t, g.Serve)
	return host, g
}

// Serve obeys the host until the conversation ends; see [hvcall.Conn.Serve].
func (g *Guest) Serve(ctx context.Context) error {
	return serveWith(ctx, g.out, g.conn, g.handle)
}

// Conn is the guest's end of the conversation, for what has no method here.
func (g *Guest) Conn() *hvcall.Conn { return g.conn }

// SetManner replaces the manner for the grants to come.
func (g *Guest) SetManner(m Manner) {
	g.mu.Lock()
	g.manner = m
	g.mu.Unlock()
}

// SayHello introduces the guest; from then on it holds the first grant.
func (g *Guest) SayHello(ctx context.Context) (hvcall.Welcome, error) {
	w, err := g.conn.SayHello(ctx, g.hello)
	if err != nil {
		return w, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holding = hvcall.Grant{Serial: w.Grant.Serial, Memory: w.Grant.Memory, MilliCPU: w.Grant.MilliCPU}
	return w, nil
}

// Demand states d under the next revision and returns what it stated. Applied is filled in.
func (g *Guest) Demand(d hvcall.Demand) (hvcall.Demand, error) {
	g.mu.Lock()
	d.Revision = g.stated.Revision + 1
	d.Applied = g.holding.Serial
	g.stated = d
	g.mu.Unlock()
	return d, g.conn.SendDemand(d)
}

// Restate says the newest demand again, unchanged, as a guest does after a gap.
func (g *Guest) Restate() error {
	g.mu.Lock()
	d := g.stated
	g.mu.Unlock()
	return g.conn.SendDemand(d)
}

// Holding is the newest grant that the guest obeyed.
func (g *Guest) Holding() hvcall.Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.holding
}

// SendCore sends a core of one piece; signal is what its application crashed by, 0 when the host has asked.
func (g *Guest) SendCore(ctx context.Context, signal int, p hvcall.CorePiece, size uint64) error {
	if err := g.conn.TellCore(ctx, hvcall.Core{Phase: hvcall.CoreBegin, Signal: signal}); err != nil {
		return err
	}
	if err := g.conn.PutCore(ctx, p); err != nil {
		return err
	}
	return g.conn.TellCore(ctx, hvcall.Core{Phase: hvcall.CoreEnd, Size: size})
}

// SendRaw writes b as it is, past the codec.
func (g *Guest) SendRaw(b []byte) error {
	_, err := g.rw.Write(b)
	return err
}

// Close ends the conversation, as a guest that dies does.
func (g *Guest) Close() error { return g.conn.Close() }
