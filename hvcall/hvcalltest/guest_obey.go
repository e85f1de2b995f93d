package hvcalltest

import (
	"context"

	"github.com/silo-os/silo/hvcall"
)

// handle writes down what the host says and does it. It waits for nothing but for the host to take a core.
func (g *Guest) handle(ctx context.Context, f hvcall.Frame) ([]byte, error) {
	reply, err := g.hear(ctx, f)
	if err != nil {
		g.Refused.add(err)
	}
	return reply, err
}

func (g *Guest) hear(ctx context.Context, f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpGrant:
		grant, err := hvcall.DecodeGrant(f.Payload)
		if err == nil {
			g.Grants.add(grant)
			g.take(grant)
		}
		return nil, err
	case hvcall.OpSteal:
		return nil, note(&g.Steals, f, hvcall.DecodeSteal)
	case hvcall.OpMigrate:
		return nil, note(&g.Migrates, f, hvcall.DecodeMigrate)
	case hvcall.OpProfile:
		p, err := hvcall.DecodeProfile(f.Payload)
		if err != nil {
			return nil, err
		}
		g.Profiles.add(p)
		return []byte(p.Kind), nil
	case hvcall.OpCore:
		if _, err := hvcall.DecodeCore(f.Payload); err != nil {
			return nil, err
		}
		return nil, g.SendCore(ctx, 0, hvcall.CorePiece{Offset: hvcall.CoreUnit, Data: []byte("core")}, 2*hvcall.CoreUnit)
	case hvcall.OpShutdown:
		if err := note(&g.Shutdowns, f, hvcall.DecodeShutdown); err != nil {
			return nil, err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.manner.RefuseEnd {
			return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeOrder, Text: "this guest does not end"}
		}
		return nil, nil
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

// take has a grant obeyed after the guest's delay, in the order the grants came.
func (g *Guest) take(grant hvcall.Grant) {
	g.mu.Lock()
	delay := g.manner.Delay
	g.mu.Unlock()
	g.out.put(delay, func() { g.obey(grant) })
}

// obey does what a grant says and tells the host: growth is used, shrinking is done first and then
// told. A grant older than the one in force is passed over: the newest wins. A guest that refuses to
// shrink says nothing.
func (g *Guest) obey(grant hvcall.Grant) {
	g.mu.Lock()
	shrinks := grant.Memory < g.holding.Memory || grant.MilliCPU < g.holding.MilliCPU
	if grant.Serial <= g.holding.Serial || shrinks && g.manner.RefuseShrink {
		g.mu.Unlock()
		return
	}
	g.holding = grant
	g.mu.Unlock()
	// A failed write ends the conversation; whoever serves the guest hears of it.
	_ = g.conn.SendUsage(hvcall.Usage{Applied: grant.Serial, Total: grant.Memory, MilliCPU: grant.MilliCPU,
		Online: (grant.MilliCPU + 999) / 1000})
}
