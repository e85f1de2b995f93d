package broker

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

// heap is a model of a guest that answers a price by the square-root rule, as package alloc does: within
// bounds that close in on Go's own behaviour as the price falls, up at once and down when it has
// wanted less for settle.
type heap struct {
	base  float64 // bytes of kernel and the like
	live  float64 // bytes
	rate  float64 // bytes allocated per second
	speed float64 // bytes marked per processor second
	want  int64
	since time.Duration // when it last wanted as much
}

func (h *heap) goal(price uint64) float64 {
	share := 1.0
	if price > 0 {
		full := min(1, float64(price)/(1<<18))
		share = math.Sqrt(h.rate / h.speed / hvcall.PriceOf(price) / h.live)
		share = min(max(share, 1-0.8*full), 1+7*full)
	}
	return h.base + h.live*(1+share)
}

func (h *heap) step(now time.Duration, price uint64) {
	const settle, dead = 700 * time.Millisecond, 0.875
	w := int64(h.goal(price))
	if float64(w) > dead*float64(h.want) {
		h.since = now
	}
	if w > h.want || now-h.since >= settle {
		h.want = w
	}
}

func drawHeaps(t *rapid.T) []*heap {
	const mib = 1 << 20
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *heap {
		return &heap{
			base: 40 * mib, live: mib * math.Pow(2, rapid.Float64Range(1, 12).Draw(t, "live")),
			rate:  mib * math.Pow(2, rapid.Float64Range(-4, 10).Draw(t, "rate")),
			speed: mib * math.Pow(2, rapid.Float64Range(6, 10).Draw(t, "speed")),
		}
	}), 1, 30).Draw(t, "heaps")
}

// market runs heaps against a price in virtual time, and counts how often guests were told another one.
type market struct {
	price  Price
	now    time.Duration
	heaps  []*heap
	usable int64
	told   int
}

func (m *market) wants() (sum int64) {
	for _, h := range m.heaps {
		sum += h.want
	}
	return sum
}

func (m *market) at(price uint64) (sum float64) {
	for _, h := range m.heaps {
		sum += h.goal(price)
	}
	return sum
}

func (m *market) run(d time.Duration) {
	const tick = 50 * time.Millisecond
	for end := m.now + d; m.now < end; m.now += tick {
		before := m.price
		m.price = m.price.step(m.now, m.wants(), m.usable)
		if m.price.Told != before.Told {
			m.told++
		}
		for _, h := range m.heaps {
			h.step(m.now, m.price.Told)
		}
	}
}

// TestPriceFindsItsLevel: whatever heaps there are, the price comes to rest where their wants fit, or at
// its end where nothing makes them fit, or at 0 where they always did.
func TestPriceFindsItsLevel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &market{heaps: drawHeaps(t)}
		scarce := rapid.Float64Range(0.3, 1.5).Draw(t, "scarce")
		m.usable = int64(m.at(0) * scarce)
		m.run(60 * time.Second)
		m.told = 0
		m.run(60 * time.Second)
		if m.told > 0 {
			t.Errorf("after a minute still told %d prices in the next", m.told)
		}
		switch feasible := m.at(priceMost) < float64(m.usable)*priceCalm/priceParts; {
		case scarce > 1.01 && m.price.Told != 0:
			t.Errorf("price %d where there is plenty", m.price.Told)
		case feasible && m.wants() > m.usable/priceParts*priceFull:
			t.Errorf("price %d: %s wanted of %s", m.price.Told, size(m.wants()), size(m.usable))
		case m.price.Told > 0 && m.price.Told < priceMost && m.at(m.price.Told)*1.3 < float64(m.usable):
			t.Errorf("price %d: only %.0f MiB wanted of %s", m.price.Told, m.at(m.price.Told)/(1<<20), size(m.usable))
		}
	})
}

// TestPriceIsQuick: two guests in a host too small for both have their price within ten seconds, and it
// is gone as soon once there is room.
func TestPriceIsQuick(t *testing.T) {
	const mib = 1 << 20
	m := &market{usable: 500 * mib, heaps: []*heap{
		{base: 40 * mib, live: 200 * mib, rate: 16 * mib, speed: 300 * mib},
		{base: 40 * mib, live: 60 * mib, rate: 200 * mib, speed: 300 * mib},
	}}
	m.run(10 * time.Second)
	if m.price.Next != 0 || m.wants() > m.usable/priceParts*priceFull || m.price.Told == 0 {
		t.Errorf("after ten seconds %+v, %s wanted of %s", m.price, size(m.wants()), size(m.usable))
	}
	// The rule itself: who allocates more gets more of the extra, by the square root.
	big, small := m.heaps[0].goal(m.price.Told)-240*mib, m.heaps[1].goal(m.price.Told)-100*mib
	if got, want := small/big, math.Sqrt(60*200/(200*16.0)); math.Abs(got/want-1) > 0.01 {
		t.Errorf("extra heaps stand as %.2f, the rule says %.2f", got, want)
	}
	m.usable = 1 << 40
	m.run(10 * time.Second)
	if m.price.Told != 0 || m.price.Next != 0 {
		t.Errorf("with plenty of room %+v", m.price)
	}
}

// TestPriceKeepsItsPace: whatever guests say, the price is told at most once in a period, in steps of an eighth.
func TestPriceKeepsItsPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Price
		var now, last time.Duration
		size := rapid.Int64Range(0, 1<<50)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "dt"))
			before := p.Told
			p = p.step(now, size.Draw(t, "wants"), size.Draw(t, "usable"))
			if p.Next != 0 && p.Next <= now {
				t.Fatalf("at %v next is %v", now, p.Next)
			}
			if p.Told > priceMost || p.Told != 0 && p.Told < priceFirst {
				t.Fatalf("told %d", p.Told)
			}
			if p.Told == before {
				continue
			}
			change := math.Abs(float64(p.Told) - float64(before))
			if before != 0 && p.Told != 0 && change < priceNews*float64(before)-1 {
				t.Fatalf("told %d after %d", p.Told, before)
			}
			if last != 0 && now-last < pricePeriod {
				t.Fatalf("told at %v and at %v", last, now)
			}
			last = now
		}
	})
}
