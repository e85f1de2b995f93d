package node

import (
	"context"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/hvcall"
)

// answer handles what the guest sends. The guest is hostile: everything was checked by its decoder,
// and nothing it says about memory is believed, only passed to the broker.
func (g *Guest) answer(ctx context.Context, f hvcall.Frame) ([]byte, error) {
	if f.Op != hvcall.OpHello && g.said.when().IsZero() {
		return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeOrder, Text: "say hello first"}
	}
	switch f.Op {
	case hvcall.OpHello:
		return g.hello(ctx, f)
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		if err != nil {
			return nil, err
		}
		g.takeDemand(d)
	case hvcall.OpUsage:
		u, err := hvcall.DecodeUsage(f.Payload)
		if err != nil {
			return nil, err
		}
		g.takeUsage(u)
	case hvcall.OpLog:
		l, err := hvcall.DecodeLog(f.Payload)
		if err != nil {
			return nil, err
		}
		g.out.put(l)
	case hvcall.OpReady:
		g.ready.happen()
		g.changes.put(struct{}{})
	case hvcall.OpExit:
		return nil, g.takeExit(f)
	case hvcall.OpTime:
		return hvcall.Clock{UnixNanos: uint64(time.Now().UnixNano())}.AppendTo(nil), nil
	default:
		return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
	}
	return nil, nil
}

// hello answers with all that the guest needs, the newest grant included. Grants after that one are
// held back until the guest states its first demand: before, it is not ready to take one.
func (g *Guest) hello(ctx context.Context, f hvcall.Frame) ([]byte, error) {
	h, err := hvcall.DecodeHello(f.Payload)
	if err != nil {
		return nil, err
	}
	g.conn.SetPeerMax(h.MaxFrame)
	g.saveTemplate(ctx) // before it is told anything
	g.node.tell(broker.Connected{Guest: g.id})
	w := g.spec.welcome()
	w.Seed = newSeed()
	w.UnixNanos = time.Now().UnixNano()
	g.mu.Lock()
	g.demanded = false
	grant := g.view.Grant
	g.mu.Unlock()
	w.Grant = hvcall.GrantJSON{Serial: grant.Serial, Memory: grant.Memory, MilliCPU: grant.MilliCPU}
	g.said.happen()
	g.changes.put(struct{}{})
	return w.Encode(), nil
}

func (g *Guest) takeDemand(d hvcall.Demand) {
	g.mu.Lock()
	first := !g.demanded
	g.demanded = true
	g.mu.Unlock()
	g.spoke.happen()
	if first {
		g.grants.poke()
	}
	g.node.post(broker.Demanded{Guest: g.id, Demand: d})
}

func (g *Guest) takeUsage(u hvcall.Usage) {
	g.mu.Lock()
	acted := u.Applied > g.usage.Applied
	g.usage = u
	g.mu.Unlock()
	if acted {
		g.node.post(broker.Applied{Guest: g.id, Serial: u.Applied})
	}
	g.changes.put(struct{}{})
}

// takeExit keeps the first report: an application ends once.
func (g *Guest) takeExit(f hvcall.Frame) error {
	e, err := hvcall.DecodeExit(f.Payload)
	if err != nil {
		return err
	}
	g.mu.Lock()
	if g.reported == nil {
		g.reported = &e
	}
	g.mu.Unlock()
	g.told.happen()
	return nil
}
