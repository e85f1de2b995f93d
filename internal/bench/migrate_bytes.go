package bench

import (
	"fmt"
	"time"
)

// fill waits until so many bytes of the guest exist.
func (m *migration) fill(name string, bytes int64) error {
	for end := time.Now().Add(migrateFills); ; {
		u := m.pair.A.Guest(name).Usage
		if u != nil && u.MemoryResident >= bytes {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("guest %s has not filled its heap in %v: %+v", name, migrateFills, u)
		}
		if err := pause(m.ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// bytes compares what is sent of the same guest, whole and shrunk, and with what lives in it.
func (m *migration) bytes() ([]Result, error) {
	m.startNodes()
	if err := m.start("empty", 1, 0, 0); err != nil {
		return nil, err
	}
	base := m.pair.A.Guest("empty").Usage.MemoryResident
	uses := int64(migrateLive<<20) + base
	if err := m.stop(m.pair.A, "empty"); err != nil {
		return nil, err
	}
	var whole, shrunk, live []float64
	for range migratePairs {
		for _, w := range []bool{true, false} {
			if err := m.start("kv", migrateLive, 0, migrateWaste, migrateGOGC); err != nil {
				return nil, err
			}
			if err := m.fill("kv", migrateUses*uses); err != nil {
				return nil, err
			}
			r, err := m.move(m.pair.A, m.pair.B, "kv", w)
			if err != nil {
				return nil, err
			}
			if w {
				whole = append(whole, float64(r.Bytes))
			} else {
				shrunk = append(shrunk, float64(r.Bytes))
				live = append(live, float64(r.Bytes)/float64(uses))
			}
			if err := m.stop(m.pair.B, "kv"); err != nil {
				return nil, err
			}
		}
	}
	vs, err := migrateVsLive.Of(live, fmt.Sprintf("sent of a guest with %d MiB of live heap, against these and the %d MiB that exist of the same guest with nothing in it", migrateLive, base>>20))
	if err != nil {
		return nil, err
	}
	ratio, err := migrateRatio.Of(Ratios(shrunk, whole), fmt.Sprintf("the same guest, with garbage to %d times the %d MiB that it uses, shrunk and whole in turn; whole %d MiB are sent", migrateUses, uses>>20, int64(Quantile(whole, 0.5))>>20))
	return []Result{vs, ratio}, err
}
