package broker

import (
	"fmt"
	"time"
)

// Astray says that a guest's device holds something else than the guest was granted. The zero value says
// that it does not.
type Astray struct {
	Is    bool          `json:"is"`
	Since time.Duration `json:"since"`
	Told  bool          `json:"told"` // there was an Alarm
}

// compare sees whether a guest's device holds what the guest was granted. A difference belongs to every
// resize; one that stays means that something is pinned, broken or hostile. The retries go on as
// they would, ever more rarely; people are told once.
func (b *Broker) compare(g *member) {
	m := &g.Memory
	a := &m.Astray
	switch {
	case g.Phase != PhaseRunning || m.Seen == int64(g.Grant.Memory):
		*a = Astray{}
	case !a.Is:
		*a = Astray{Is: true, Since: b.s.Now}
	case !a.Told && b.s.Now-a.Since >= b.cfg.Astray:
		a.Told = true
		b.do(Alarm{Guest: g.ID, Text: fmt.Sprintf("its device has held %s since %v, it was granted %s", size(m.Seen), a.Since, size(int64(g.Grant.Memory)))})
	}
}
