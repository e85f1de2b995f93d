package node

import (
	"context"
	"fmt"

	"github.com/silo-os/silo/hvcall"
)

// Profile asks the application for a profile of itself, compressed by gzip. An application that does not speak with silo
// cannot make one: *hvcall.Fault with CodeUnknown.
func (g *Guest) Profile(ctx context.Context, p hvcall.Profile) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("profile guest %s: %w", g.id, err)
	}
	select {
	case <-g.said.c:
	default:
		return nil, fmt.Errorf("profile guest %s: %w", g.id, &hvcall.Fault{Op: hvcall.OpProfile, Code: hvcall.CodeOrder, Text: "it has not said hello yet"})
	}
	b, err := g.conn.AskProfile(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("profile guest %s: %w", g.id, err)
	}
	return b, nil
}
