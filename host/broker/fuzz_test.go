package broker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// FuzzEvents makes events of bytes: from a few guests, with any values in any order. What guests say may be
// anything; what the host measures of a device is what a device can hold. After each step all invariants hold, what
// devices hold fits the host, and a broker made from the dump is the same.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"))
	for _, steps := range [][]byte{
		{0, 0, 0, 1, 1, 0, 2, 0, 200, 3, 0, 10, 2, 1, 250, 3, 0, 20, 4, 0},
		{0, 0, 1, 0, 2, 0, 255, 3, 0, 255, 0, 1, 1, 1, 2, 1, 255, 13, 255, 13, 255, 13, 255, 13, 255},
	} {
		f.Add(steps)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		z := &fuzzed{t: t, in: in, b: New(Config{Capacity: Capacity{Memory: 1 << 30, MilliCPU: 4000}}), plugged: make(map[GuestID]int64), ops: make(map[GuestID]Resize)}
		stuck := time.AfterFunc(10*time.Second, func() { panic("a step does not end") })
		defer stuck.Stop()
		for len(z.in) > 0 {
			z.step(z.event())
		}
	})
}

type fuzzed struct {
	t       *testing.T
	in      []byte
	b       *Broker
	now     time.Duration
	plugged map[GuestID]int64
	ops     map[GuestID]Resize
	shrunk  bool // the capacity fell: what is held may be more for a while
}

func (z *fuzzed) byte() byte {
	if len(z.in) == 0 {
		return 0
	}
	b := z.in[0]
	z.in = z.in[1:]
	return b
}

// word is any number, small ones and round ones in one byte.
func (z *fuzzed) word() uint64 {
	switch b := z.byte(); {
	case b < 64:
		return uint64(b)
	case b < 128:
		return uint64(b-64) << 20
	case b < 192:
		return uint64(b-128) << 24
	case b < 200:
		return 1<<63 - uint64(b-192)
	default:
		var w [8]byte
		n := copy(w[:], z.in[:min(8, len(z.in))])
		z.in = z.in[n:]
		return binary.LittleEndian.Uint64(w[:])
	}
}

func (z *fuzzed) bounds() Bounds {
	return Bounds{Boot: int64(z.word()), Min: int64(z.word()), Max: int64(z.word()), MinMilli: int64(z.word()), MaxMilli: int64(z.word()), Weight: uint32(z.word())}
}

func (z *fuzzed) event() Event {
	kind, which := z.byte()%20, z.byte()
	id := GuestID(fmt.Sprint("g", which%6))
	switch kind {
	case 0:
		return GuestAdded{id, Bounds{Boot: 32 << 20, Max: int64(z.byte()) << 24, MaxMilli: 2000, MinMilli: 500}}
	case 1:
		return GuestAdded{id, z.bounds()}
	case 2:
		if which >= 128 {
			return Misbehaved{id, "test"}
		}
		return Connected{id}
	case 3, 4:
		d := hvcall.Demand{Revision: z.b.known(id).Demand.Revision + 1, Memory: uint64(z.byte()) << 22, MilliCPU: uint32(z.byte()) * 10, Urgency: hvcall.Urgency(z.byte() % 4)}
		d.Floor = d.Memory / 2
		return Demanded{id, d}
	case 5:
		return Demanded{id, hvcall.Demand{Revision: z.word(), Memory: z.word(), Floor: z.word(), MilliCPU: uint32(z.word()), MilliCPUFloor: uint32(z.word()),
			Applied: z.word(), Urgency: hvcall.Urgency(z.byte()), Reason: hvcall.Reason(z.byte())}}
	case 6:
		return Applied{id, z.b.known(id).Grant.Serial - uint64(z.byte()%3)}
	case 7:
		return Applied{id, z.word()}
	case 8, 9:
		return z.device(id)
	case 10:
		return Used{id, int64(z.word()), int64(z.word())}
	case 11:
		return BoundsChanged{id, z.bounds()}
	case 12:
		return PeerSeen{string(id), Room{int64(z.word()), int64(z.word())}}
	case 13:
		return Ran{Guest: id, Used: int64(z.word()), Steal: int64(z.word()), Wanted: int64(z.word())}
	case 14:
		return CapacityChanged{Capacity{int64(z.word()), int64(z.word()), int64(z.word())}}
	case 15:
		return Reserve{id, Bounds{Boot: 32 << 20, Max: int64(z.byte()) << 24, MaxMilli: 2000, MinMilli: 500}, int64(z.word())}
	case 16:
		if z.b.known(id).Memory.Moving == MovingComing {
			plugged := clamp(int64(z.byte())<<22, 32<<20, z.b.known(id).Memory.Upper)
			z.plugged[id] = plugged
			return Arrived{id, plugged, plugged, int64(z.byte()) * 10, z.b.known(id).Grant.Serial + 2}
		}
		return Freeze{id}
	case 17:
		return Freeze{id}
	case 18:
		return Thaw{id}
	}
	return GuestGone{id}
}

// known is what is known of a guest, or nothing.
func (b *Broker) known(id GuestID) Guest {
	g, _ := b.Guest(id)
	return g
}

// device is the answer of a device that has come some way, or failed.
func (z *fuzzed) device(id GuestID) Event {
	op, at := z.ops[id], z.plugged[id]
	part := int64(z.byte())
	if at != op.Total {
		at += (op.Total - at) * part / 255 / (1 << 20) * (1 << 20)
	}
	if part == 255 {
		at = op.Total
	}
	z.plugged[id] = at
	switch z.byte() % 4 {
	case 0:
		return ResizeFailed{id, op.Op, "broken"}
	case 1:
		return Plugging{id, op.Op, at}
	}
	return Plugged{id, op.Op, at}
}

func (z *fuzzed) step(e Event) {
	if b := z.byte(); b >= 128 { // time passes, from a millisecond to half an hour
		z.now += time.Millisecond << ((b - 128) / 6)
	}
	if c, ok := e.(CapacityChanged); ok {
		z.shrunk = z.shrunk || c.Capacity.normal().usable() < z.b.s.Capacity.usable()
	}
	if _, ok := e.(GuestGone); ok {
		delete(z.plugged, e.About())
		delete(z.ops, e.About())
	}
	actions := z.b.Step(z.now, []Event{e})
	for _, a := range actions {
		_ = a.String()
		switch a := a.(type) {
		case Admit:
			boot := z.b.known(a.Guest).Bounds.Boot
			z.plugged[a.Guest], z.ops[a.Guest] = boot, Resize{Total: boot}
		case Resize:
			z.ops[a.Guest] = a
		}
	}
	z.check(e)
}

func (z *fuzzed) check(e Event) {
	if err := z.b.Check(); err != nil {
		z.t.Fatalf("after %T %+v: %v\n%s", e, e, err, dump(z.b))
	}
	var held int64
	for id, n := range z.plugged {
		held += n
		if g := z.b.known(id).Memory; n > g.Upper {
			z.t.Fatalf("after %T %+v: %s holds %d, the ledger says at most %d", e, e, id, n, g.Upper)
		}
	}
	if held > z.b.s.Capacity.usable() && !z.shrunk {
		z.t.Fatalf("after %T %+v: devices hold %d of %d", e, e, held, z.b.s.Capacity.usable())
	}
	if at, ok := z.b.NextWake(); ok && at <= z.now {
		z.t.Fatalf("wants to be woken at %v, it is %v", at, z.now)
	}
	if z.now%7 != 0 {
		return
	}
	var s State
	if err := json.Unmarshal([]byte(dump(z.b)), &s); err != nil {
		z.t.Fatal(err)
	}
	if n := Restore(z.b.cfg, s); dump(n) != dump(z.b) {
		z.t.Fatalf("the dump is not everything:\n%s\n%s", dump(z.b), dump(n))
	}
}
