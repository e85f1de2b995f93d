package hvcalltest

import (
	"context"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// handle writes down what the guest says and answers it. It never waits: grants go through the
// outbox.
func (h *Host) handle(_ context.Context, f hvcall.Frame) ([]byte, error) {
	reply, err := h.hear(f)
	if err != nil {
		h.Refused.add(err)
	}
	return reply, err
}

func (h *Host) hear(f hvcall.Frame) ([]byte, error) {
	switch f.Op {
	case hvcall.OpHello:
		hello, err := hvcall.DecodeHello(f.Payload)
		return h.greet(hello, err)
	case hvcall.OpReady:
		h.Readies.add(time.Now())
		return nil, nil
	case hvcall.OpDemand:
		d, err := hvcall.DecodeDemand(f.Payload)
		if err == nil {
			h.answer(d)
		}
		return nil, err
	case hvcall.OpUsage:
		u, err := hvcall.DecodeUsage(f.Payload)
		if err == nil {
			h.Usages.add(u)
			h.seen(u.Application)
		}
		return nil, err
	case hvcall.OpLog:
		return nil, note(&h.Logs, f, hvcall.DecodeLog)
	case hvcall.OpExit:
		return nil, note(&h.Exits, f, hvcall.DecodeExit)
	case hvcall.OpCore:
		return nil, note(&h.Cores, f, hvcall.DecodeCore)
	case hvcall.OpCorePiece:
		return nil, note(&h.Pieces, f, hvcall.DecodeCorePiece)
	case hvcall.OpTime:
		return hvcall.Clock{UnixNanos: uint64(wallClock().UnixNano())}.AppendTo(nil), nil
	}
	return nil, &hvcall.Fault{Op: f.Op, Code: hvcall.CodeUnknown}
}

// note decodes a payload into a journal.
func note[T any](j *Journal[T], f hvcall.Frame, decode func([]byte) (T, error)) error {
	v, err := decode(f.Payload)
	if err == nil {
		j.add(v)
	}
	return err
}

func (h *Host) greet(hello hvcall.Hello, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	h.conn.SetPeerMax(hello.MaxFrame)
	h.Hellos.add(hello)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.greeted {
		h.greeted = true
		h.tale.begin(time.Now(), h.now)
		h.play()
	}
	w := h.welcome
	// A guest that says Hello again is told what it may hold now.
	w.Grant = hvcall.GrantJSON{Serial: h.now.Serial, Memory: h.now.Memory, MilliCPU: h.now.MilliCPU}
	return w.Encode(), nil
}

func (h *Host) answer(d hvcall.Demand) {
	h.Demands.add(d)
	h.seen(d.Floor)
	h.mu.Lock()
	h.standing = d
	h.tale.demanded(d)
	policy, now, bounds, delay := h.policy, h.now, Bounds{h.welcome.Memory, h.welcome.CPU}, h.stance.delay
	h.mu.Unlock()
	if policy == nil {
		h.out.put(delay, func() { h.reply(d, stance.itself, 0) })
		return
	}
	g, delay := policy(d, now, bounds)
	g.Revision = d.Revision
	h.post(g, delay)
}

// play has the steps of the script done, each in its time. The lock is held.
func (h *Host) play() {
	for _, s := range h.script.Steps {
		h.doAfter(s.At, s.Do)
	}
}

func (h *Host) doAfter(wait time.Duration, a Act) {
	h.out.put(wait, func() {
		h.mu.Lock()
		h.tale.acted(a)
		h.mu.Unlock()
		a.play(h)
	})
}

// wallClock is the host's clock. A synctest bubble starts in 2000, which every guest refuses as a
// wrong clock; there it is 30 years later.
func wallClock() time.Time {
	now := time.Now()
	if now.Year() < 2020 {
		now = now.AddDate(30, 0, 0)
	}
	return now
}
