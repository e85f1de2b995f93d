package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// acpiGuest is the stock kernel with a vCPU that the host plugs and unplugs.
type acpiGuest struct {
	*consoleGuest
	slots []map[string]any // what device_add is told, for vCPUs that were never there
	next  int              // slot; belongs to the lines' hook and, between bursts, to Unplug
}

// id is of the device in the newest slot.
func (g *acpiGuest) id() string { return fmt.Sprintf("vcpu%d", g.next) }

func startACPI(ctx context.Context, s cpuSubject) (*acpiGuest, error) {
	g := &acpiGuest{}
	var err error
	if g.consoleGuest, err = startConsole(ctx, s.acpiArgs()); err != nil {
		return nil, err
	}
	if g.slots, err = g.freeSlots(ctx); err != nil {
		g.Close()
		return nil, err
	}
	// Asked for by the guest, plugged at once: nothing decides in between.
	g.said.each(func(line string) {
		if strings.HasPrefix(line, "demand 2000") && g.next < len(g.slots) {
			g.next++
			go g.plug(context.WithoutCancel(ctx), g.slots[g.next-1], g.id())
		}
	})
	return g, nil
}

// freeSlots are the devices that fit in where no vCPU is, lowest first.
func (g *acpiGuest) freeSlots(ctx context.Context) (free []map[string]any, err error) {
	var slots []struct {
		Type  string         `json:"type"`
		Props map[string]any `json:"props"`
		Path  string         `json:"qom-path"`
	}
	if err := g.monitor.Execute(ctx, "query-hotpluggable-cpus", nil, &slots); err != nil {
		return nil, err
	}
	for _, s := range slices.Backward(slots) { // QEMU names the highest first
		if s.Path == "" {
			s.Props["driver"] = s.Type
			free = append(free, s.Props)
		}
	}
	return free, nil
}

func (g *acpiGuest) plug(ctx context.Context, device map[string]any, id string) {
	device["id"] = id
	if err := g.monitor.Execute(ctx, "device_add", device, nil); err != nil {
		fmt.Fprintf(g.said, "device_add failed: %v\n", err) // among the guest's last lines, where its wait ends
	}
}

// Offline has the guest take its newest vCPU offline, which stays plugged: QEMU 7.2 under emulation does not survive
// that it is asked for a second one.
func (g *acpiGuest) Offline(ctx context.Context) error {
	if _, err := fmt.Fprintln(g.orders, "revoke"); err != nil {
		return err
	}
	_, err := g.said.await(ctx, g.ended, "revoked ")
	return err
}

// Unplug takes the newest vCPU away and returns how long it was until it was gone.
func (g *acpiGuest) Unplug(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	if err := g.monitor.Execute(ctx, "device_del", map[string]any{"id": g.id()}, nil); err != nil {
		return 0, g.explain(err)
	}
	late := time.NewTimer(revokeWithin)
	defer late.Stop()
	for {
		select {
		case e, ok := <-g.monitor.Events():
			if !ok {
				return 0, g.monitor.Err()
			}
			var said struct {
				Info struct{ Source, Status int }
			}
			if e.Name == "ACPI_DEVICE_OST" && e.Decode(&said) == nil && said.Info.Source == ostEject && said.Info.Status == 0 {
				return time.Since(begin), nil
			}
		case <-late.C:
			return 0, fmt.Errorf("the guest did not let go of its vCPU within %v: %s", revokeWithin, g.said.last())
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// ostEject is what a guest's word about an ejection is marked with. QEMU 7.2 tells of the end of the device's parts
// then, but not of its own.
const ostEject = 3

// revokeWithin is how long a guest may take to let go of a vCPU.
const revokeWithin = 20 * time.Second
