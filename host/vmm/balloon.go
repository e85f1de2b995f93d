package vmm

import (
	"context"
	"fmt"
	"time"

	"github.com/silo-os/silo/host/vmm/internal/elastic"
)

// balloonPoll is how often the balloon's size is looked at while it changes.
const balloonPoll = 10 * time.Millisecond

// Balloon leaves the guest a total of bytes of the memory that it has, by having its balloon take the
// rest, and waits until it is so or ctx ends. It returns what the guest has then. The size stays
// requested when ctx ends. silo itself moves memory by Resize; this is for comparing the two.
func (vm *VM) Balloon(ctx context.Context, total int64) (now int64, err error) {
	if err := vm.monitor.Execute(ctx, "balloon", struct {
		Value int64 `json:"value"`
	}{total}, nil); err != nil {
		return 0, fmt.Errorf("set balloon: %w", vm.explain(err))
	}
	for {
		var info struct{ Actual int64 }
		if err := vm.monitor.Execute(ctx, "query-balloon", nil, &info); err != nil {
			return now, fmt.Errorf("read balloon: %w", vm.explain(err))
		}
		now = info.Actual
		if now == total {
			return now, nil
		}
		if err := elastic.Sleep(ctx, balloonPoll); err != nil {
			return now, fmt.Errorf("set balloon to %s: now at %s: %w", human(total), human(now), err)
		}
	}
}
