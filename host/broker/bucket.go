package broker

import "time"

// Bucket limits how fast one guest may take the last of the free memory, so that others can be relieved before it is
// gone: a token bucket whose tokens are bytes. While an eighth of the host is free growth costs nothing, so a
// guest in a host with plenty never meets its limit. Of that last eighth a guest may take all, once; it gets
// tokens for a quarter of the host, and at least 256 MiB, each second. That is slower than guests give back: a device
// unplugs 2 GiB in a quarter of a second, and the collection before it takes about one. Up to its guaranteed minimum
// nobody is limited.
//
// Invariant: 0 ≤ Tokens ≤ the burst.
type Bucket struct {
	Tokens int64         `json:"tokens"`
	At     time.Duration `json:"at"`   // when Tokens was right
	Next   time.Duration `json:"next"` // when there will be enough to go on; 0 = it does not wait
}

const (
	reserveParts = 8         // part of what is usable that is rationed, which is also the burst
	flowParts    = 4         // part of it that flows in in a second
	flowLeast    = 256 << 20 // and the least, bytes
)

// flow is how many bytes flow in in a second.
func (b *Broker) flow() int64 { return max(b.s.Capacity.usable()/flowParts, flowLeast) }

func (b *Broker) burst() int64 { return max(b.s.Capacity.usable()/reserveParts, b.cfg.Block) }

func (k Bucket) waits(now time.Duration) bool { return k.Next > now }

// tokens is what the bucket holds at now.
func (b *Broker) tokens(k Bucket) int64 {
	in := float64(b.flow()) * (b.s.Now - k.At).Seconds()
	return min(b.burst(), k.Tokens+int64(min(in, float64(b.burst()))))
}

// plenty is the free room that is not rationed.
func (b *Broker) plenty() int64 { return max(0, b.free-b.burst()) }

// allowance is how much the guest may take of the free room now, in bytes. Where that is less than it could use it
// sets when to look again.
func (b *Broker) allowance(g *member) int64 {
	m := &g.Memory
	free := max(0, b.free)
	allowed := max(min(free, b.plenty()+b.tokens(m.Bucket)), min(free, g.Bounds.Min-m.Upper))
	m.Bucket.Next = 0
	if missing := min(m.Target-m.Upper, free) - allowed; missing > 0 {
		missing = max(min(missing, b.burst()/reserveParts), b.cfg.Block)
		m.Bucket.Next = b.s.Now + time.Duration(float64(missing)/float64(b.flow())*float64(time.Second)) + 1
	}
	return allowed
}

// spend takes tokens for growth by so many bytes beyond plenty. What is guaranteed may cost more than there are.
func (b *Broker) spend(g *member, growth int64) {
	if cost := growth - b.plenty(); cost > 0 {
		g.Memory.Bucket = Bucket{Tokens: max(0, b.tokens(g.Memory.Bucket)-cost), At: b.s.Now, Next: g.Memory.Bucket.Next}
	}
}
