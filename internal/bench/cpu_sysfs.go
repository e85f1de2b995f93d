package bench

import (
	"context"
	"fmt"
	"time"
)

// sysfsGuest has a first process that brings the second vCPU online and takes it offline on
// each change.
type sysfsGuest struct{ *consoleGuest }

func startSysfs(ctx context.Context, args []string) (*sysfsGuest, error) {
	g, err := startConsole(ctx, args)
	if err != nil {
		return nil, err
	}
	return &sysfsGuest{g}, nil
}

// Revoke has the vCPU taken offline and returns how long that was, in the guest: what the host's word takes to
// the guest and back is not in it.
func (g *sysfsGuest) Revoke(ctx context.Context) (time.Duration, error) {
	if _, err := fmt.Fprintln(g.orders, "revoke"); err != nil {
		return 0, err
	}
	h, err := g.said.await(ctx, g.ended, "revoked ")
	if err != nil {
		return 0, err
	}
	var took int64
	if _, err := fmt.Sscanf(h.text, "revoked %d", &took); err != nil {
		return 0, fmt.Errorf("read %q: %w", h.text, err)
	}
	return time.Duration(took), nil
}
