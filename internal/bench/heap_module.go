package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/silo-os/silo/host/vmm/qmp"
)

// Size implements sized.
func (g *hotplugGuest) Size() int64 { return g.size.Load() }

// Agent implements sized: the load program is the only process.
func (g *hotplugGuest) Agent(time.Time) (used, total int64, ok bool) { return 0, 0, false }

// SetSize implements sized: it plugs and unplugs modules until there are so many, or one does not go.
func (g *hotplugGuest) SetSize(ctx context.Context, bytes int64) error {
	ctx, cancel := context.WithTimeout(ctx, resizeWithin)
	defer cancel()
	want := int((bytes - pollLeast) / pollStep)
	for len(g.plugged) < want {
		if err := g.plug(ctx); err != nil {
			return err
		}
	}
	for len(g.plugged) > want {
		gone, err := g.unplug(ctx)
		if err != nil || !gone {
			return err
		}
	}
	return nil
}

// plug gives the guest one module more.
func (g *hotplugGuest) plug(ctx context.Context) error {
	id := fmt.Sprintf("module%d", g.named)
	g.named++
	if err := g.monitor.Execute(ctx, "object-add", map[string]any{
		"qom-type": "memory-backend-memfd", "id": id + "-ram", "size": int64(pollStep), "share": true, "reserve": false,
	}, nil); err != nil {
		return fmt.Errorf("add memory: %w", err)
	}
	if err := g.monitor.Execute(ctx, "device_add", map[string]any{
		"driver": "pc-dimm", "id": id, "memdev": id + "-ram",
	}, nil); err != nil {
		return fmt.Errorf("plug module: %w", err)
	}
	g.plugged = append(g.plugged, id)
	g.size.Add(pollStep)
	return nil
}

// modulePoll is how often a module that is to go is looked for.
const modulePoll = 20 * time.Millisecond

// unplug asks the guest to let go of the newest module and takes its memory away when it has. A guest that
// uses the module may keep it; that is its answer and no error.
func (g *hotplugGuest) unplug(ctx context.Context) (gone bool, err error) {
	id := g.plugged[len(g.plugged)-1]
	err = g.monitor.Execute(ctx, "device_del", map[string]any{"id": id}, nil)
	var refused *qmp.Error
	if err != nil && !errors.As(err, &refused) { // refused: the last request is still under way
		return false, fmt.Errorf("unplug module: %w", err)
	}
	for {
		var modules []struct{ Data struct{ ID string } }
		if err := g.monitor.Execute(ctx, "query-memory-devices", nil, &modules); err != nil {
			if ctx.Err() != nil {
				return false, nil
			}
			return false, fmt.Errorf("read modules: %w", err)
		}
		if !slices.ContainsFunc(modules, func(m struct{ Data struct{ ID string } }) bool { return m.Data.ID == id }) {
			break
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-time.After(modulePoll):
		}
	}
	if err := g.monitor.Execute(ctx, "object-del", map[string]any{"id": id + "-ram"}, nil); err != nil {
		return false, fmt.Errorf("take memory: %w", err)
	}
	g.plugged = g.plugged[:len(g.plugged)-1]
	g.size.Add(-pollStep)
	return true, nil
}
