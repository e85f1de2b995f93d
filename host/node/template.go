package node

import (
	"context"
	"crypto/rand"
)

// templated is what a machine can do that knows templates; others boot and are never saved.
type templated interface {
	FromTemplate() bool
	SaveTemplate(context.Context) error
	DropTemplate() error
}

// saveTemplate saves the guest as it is at its first Hello, where that is wanted. A guest that cannot be
// saved goes on all the same.
func (g *Guest) saveTemplate(ctx context.Context) {
	g.save.Do(func() {
		m, ok := g.vm.(templated)
		if !ok || !g.spec.Template {
			return
		}
		if err := m.SaveTemplate(ctx); err != nil {
			g.node.cfg.Log.Warn("no template saved", "guest", g.id, "cause", err)
		}
	})
}

// FromTemplate reports whether the guest went on from a template: its Hello is one that another guest said.
func (g *Guest) FromTemplate() bool {
	m, ok := g.vm.(templated)
	return ok && m.FromTemplate()
}

// dropTemplate throws a template away from which a guest did not go on.
func (g *Guest) dropTemplate() {
	if !g.FromTemplate() || !g.spoke.when().IsZero() {
		return
	}
	g.node.cfg.Log.Warn("the guest did not go on from its template, which is thrown away", "guest", g.id)
	if err := g.vm.(templated).DropTemplate(); err != nil {
		g.node.cfg.Log.Error("template not thrown away", "guest", g.id, "err", err)
	}
}

// seedSize is how many random bytes a guest gets, of which its kernel needs half.
const seedSize = 64

// newSeed is what sets a guest's randomness apart from that of all others.
func newSeed() []byte {
	b := make([]byte, seedSize)
	rand.Read(b) // it never fails
	return b
}
