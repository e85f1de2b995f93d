package bench

import (
	"context"
	"io"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// answer hears the guest.
func (g *calledGuest) answer(_ context.Context, f hvcall.Frame) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch f.Op {
	case hvcall.OpHello:
		h, err := hvcall.DecodeHello(f.Payload)
		if err != nil {
			return nil, err
		}
		g.conn.SetPeerMax(h.MaxFrame)
		w := g.welcome
		w.UnixNanos = time.Now().UnixNano()
		w.Grant = hvcall.GrantJSON{Serial: g.grant.Serial, Memory: g.grant.Memory, MilliCPU: g.grant.MilliCPU}
		return w.Encode(), nil
	case hvcall.OpReady:
		return nil, nil
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		g.grant.Revision = max(g.grant.Revision, d.Revision) // heard, and that is all
		return nil, err
	case hvcall.OpUsage:
		u, err := hvcall.DecodeUsage(f.Payload)
		if err == nil {
			g.usage, g.usedAt = u, time.Now()
		}
		return nil, err
	case hvcall.OpLog:
		return nil, g.log(f)
	case hvcall.OpExit:
		e, err := hvcall.DecodeExit(f.Payload)
		if err == nil {
			g.exit = &e
		}
		return nil, err
	case hvcall.OpTime:
		return hvcall.Clock{UnixNanos: uint64(time.Now().UnixNano())}.AppendTo(nil), nil
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

func (g *calledGuest) log(f hvcall.Frame) error {
	l, err := hvcall.DecodeLog(f.Payload)
	if err != nil {
		return err
	}
	to := io.Writer(&g.console)
	if l.Stream == hvcall.StreamOut {
		to = g.out
	}
	_, err = to.Write(l.Data)
	return err
}
