package daemon

import (
	"cmp"
	"context"
	"errors"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// Profile asks a guest's application for a profile of itself.
func (d *Daemon) Profile(ctx context.Context, name string, p hvcall.Profile) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, nodeapi.Refuse(nodeapi.CodeInvalid, "%v", err)
	}
	g, err := d.running(name, "profile")
	if err != nil {
		return nil, err
	}
	b, err := g.Profile(ctx, p)
	var fault *hvcall.Fault
	if errors.As(err, &fault) {
		return nil, nodeapi.Refuse(nodeapi.CodeState, "guest %s: no profile: %s", name, cmp.Or(fault.Text, fault.Error()))
	}
	return b, err
}

// running returns a guest that runs; of one that does not there is none of what is wanted.
func (d *Daemon) running(name, wanted string) (*node.Guest, error) {
	k, err := d.find(name)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.guest == nil || k.rec.State != nodeapi.StateRunning {
		return nil, nodeapi.Refuse(nodeapi.CodeState, "guest %s does not run: only a program that runs has a %s", name, wanted)
	}
	return k.guest, nil
}
