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
	g.heard.Add(1)
	g.hearing.Add(1)
	defer g.hearing.Add(-1)
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
		if written := g.out.put(l); f.Flags&hvcall.FlagCall != 0 {
			return nil, g.out.await(written) // the answer says that the guest may forget it
		}
	case hvcall.OpReady:
		g.ready.happen()
		g.changes.put(struct{}{})
	case hvcall.OpExit:
		return nil, g.takeExit(f)
	case hvcall.OpCore, hvcall.OpCorePiece:
		return nil, g.cores.take(f)
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
	if len(g.spec.Volumes) > 0 && !h.Can(hvcall.CapVolumes) { // it would write to what it loses
		g.stop("killed by the host: its image is of a silo that knows no volumes: build it again")
		return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeInternal, Text: "the guest has volumes and does not know them"}
	}
	if g.spec.Cores != "" && !h.Can(hvcall.CapCores) {
		g.node.cfg.Log.Warn("no core will be taken of its application: its image is of a silo that knows no cores: build it again", "guest", g.id)
	}
	g.conn.SetPeerMax(h.MaxFrame)
	g.saveTemplate(ctx) // before it is told anything
	g.node.tell(broker.Connected{Guest: g.id})
	w := g.spec.welcome()
	w.Seed = newSeed()
	w.UnixNanos = time.Now().UnixNano()
	g.mu.Lock()
	g.demanded, g.steals = false, h.Can(hvcall.CapSteal)
	grant := g.view.Grant
	g.mu.Unlock()
	w.Grant = hvcall.GrantJSON{Serial: grant.Serial, Memory: grant.Memory, MilliCPU: grant.MilliCPU}
	g.cpus.unsaid()
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
		// What it was granted before it said what it wants is no answer to it.
		g.node.tell(broker.Demanded{Guest: g.id, Demand: d})
		g.grants.poke()
		return
	}
	g.demands.put(d)
}

func (g *Guest) takeUsage(u hvcall.Usage) {
	g.mu.Lock()
	acted := u.Applied > g.usage.Applied
	g.usage = u
	now := time.Now()
	report := now.Sub(g.reportedUse) >= useEvery
	if report {
		g.reportedUse = now
	}
	g.mu.Unlock()
	if report {
		g.reportUse(u)
	}
	if acted {
		g.node.post(broker.Applied{Guest: g.id, Serial: u.Applied})
	}
	g.changes.put(struct{}{})
}

// useEvery is how often the broker hears what a guest uses, at most: a guest may say it as often as it likes.
const useEvery = 500 * time.Millisecond

// reportUse tells the broker how much of its memory the guest leaves idle: in its own words, and as the host measures.
func (g *Guest) reportUse(u hvcall.Usage) {
	resident, err := g.vm.Resident()
	if err != nil {
		resident = -1
	}
	g.node.post(broker.Used{Guest: g.id, Idle: int64(u.Free), Resident: resident})
}

// takeExit keeps the first report: an application ends once.
func (g *Guest) takeExit(f hvcall.Frame) error {
	e, err := hvcall.DecodeExit(f.Payload)
	if err != nil {
		return err
	}
	e = g.withCore(e)
	g.mu.Lock()
	first := g.reported == nil
	if first {
		g.reported = &e
	}
	g.mu.Unlock()
	if first && g.spec.Exited != nil {
		g.spec.Exited(e)
	}
	g.told.happen()
	return nil
}
