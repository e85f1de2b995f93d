package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// acpiGuest is the stock kernel with a vCPU that the host plugs and unplugs.
type acpiGuest struct {
	*consoleGuest
	device map[string]any // what device_add is told
	failed chan error
}

// pluggedCPU is the id of the device.
const pluggedCPU = "cpu1"

func startACPI(ctx context.Context, s cpuSubject) (*acpiGuest, error) {
	g := &acpiGuest{failed: make(chan error, 1)}
	var err error
	if g.consoleGuest, err = startConsole(ctx, s.acpiArgs()); err != nil {
		return nil, err
	}
	if g.device, err = g.freeSlot(ctx); err != nil {
		g.Close()
		return nil, err
	}
	// Asked for by the guest, plugged at once: nothing decides in between.
	g.said.each(func(line string) {
		if !strings.HasPrefix(line, "demand ") {
			return
		}
		if strings.HasPrefix(line, "demand 2000") {
			go g.plug(context.WithoutCancel(ctx))
		}
	})
	return g, nil
}

// freeSlot is the device that fits in where no vCPU is.
func (g *acpiGuest) freeSlot(ctx context.Context) (map[string]any, error) {
	var slots []struct {
		Type  string         `json:"type"`
		Props map[string]any `json:"props"`
		Path  string         `json:"qom-path"`
	}
	if err := g.monitor.Execute(ctx, "query-hotpluggable-cpus", nil, &slots); err != nil {
		return nil, err
	}
	for _, s := range slots {
		if s.Path == "" {
			s.Props["driver"], s.Props["id"] = s.Type, pluggedCPU
			return s.Props, nil
		}
	}
	return nil, fmt.Errorf("find a vCPU to plug: all of %d are there", len(slots))
}

func (g *acpiGuest) plug(ctx context.Context) {
	if err := g.monitor.Execute(ctx, "device_add", g.device, nil); err != nil {
		select {
		case g.failed <- err:
		default:
		}
	}
}

// Revoke unplugs the vCPU and returns how long it was until it was gone.
func (g *acpiGuest) Revoke(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	if err := g.monitor.Execute(ctx, "device_del", map[string]any{"id": pluggedCPU}, nil); err != nil {
		return 0, err
	}
	late := time.NewTimer(revokeWithin)
	defer late.Stop()
	for {
		select {
		case e, ok := <-g.monitor.Events():
			var gone struct{ Device string }
			if !ok {
				return 0, g.monitor.Err()
			}
			if e.Name == "DEVICE_DELETED" && json.Unmarshal(e.Data, &gone) == nil && gone.Device == pluggedCPU {
				return time.Since(begin), nil
			}
		case <-late.C:
			return 0, fmt.Errorf("the guest did not let go of its vCPU within %v: %s", revokeWithin, g.said.last())
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// revokeWithin is how long a guest may take to let go of a vCPU.
const revokeWithin = 20 * time.Second
