package bench

import (
	"fmt"
	"time"
)

// downtime takes for how long nobody ran the guest, beyond what QEMU says of itself in the same move.
func (m *migration) downtime() ([]Result, error) {
	m.startNodes()
	if err := m.start("kv", 32, 5, 0); err != nil {
		return nil, err
	}
	var beyond, all, own []float64
	from, to := m.pair.A, m.pair.B
	for range migrateMoves {
		r, err := m.move(from, to, "kv", false)
		if err != nil {
			return nil, err
		}
		beyond, all, own = append(beyond, r.DowntimeMS-r.QEMUMS-r.LoadMS), append(all, r.DowntimeMS), append(own, r.QEMUMS+r.LoadMS)
		from, to = to, from
		if err := pause(m.ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
	}
	r, err := migrateDowntime.With(Quantile(beyond, 0.99), beyond, fmt.Sprintf(
		"p99 of %d moves, beyond the copying itself, which is from stopping the guest to having sent all of it, its memory by its hosts and the rest by QEMU, and its taking in at the destination of what was sent last; from stopping here to running there p50 %.1f ms, p99 %.1f ms, the copying p50 %.1f ms",
		migrateMoves, Quantile(all, 0.5), Quantile(all, 0.99), Quantile(own, 0.5)))
	return []Result{r}, err
}
