package hvcall

import (
	"bytes"
	"context"
	"io"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

// ear decodes and remembers what comes, and answers what is asked.
type ear struct {
	heard []any // statements and calls, decoded, in order; one conversation writes it
	log   bytes.Buffer
}

func (e *ear) handle(_ context.Context, f Frame) ([]byte, error) {
	var v any
	var err error
	switch f.Op {
	case OpHello:
		v, err = DecodeHello(f.Payload)
	case OpDemand:
		v, err = DecodeDemand(f.Payload)
	case OpGrant:
		v, err = DecodeGrant(f.Payload)
	case OpUsage:
		v, err = DecodeUsage(f.Payload)
	case OpExit:
		v, err = DecodeExit(f.Payload)
	case OpShutdown:
		v, err = DecodeShutdown(f.Payload)
	case OpSteal:
		v, err = DecodeSteal(f.Payload)
	case OpLog:
		var l Log
		l, err = DecodeLog(f.Payload)
		e.log.Write(l.Data)
		v = l.Stream
	default:
		v = f.Op
	}
	e.heard = append(e.heard, v)
	switch f.Op {
	case OpHello:
		return goldenWelcome.Encode(), err
	case OpTime:
		return Clock{1767225600e9}.AppendTo(nil), err
	}
	return nil, err
}

func TestGuestSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ear
		g, _ := pair(t, Config{}, e.handle)
		w, err := g.SayHello(t.Context(), Hello{Role: RolePID1})
		if err != nil || !reflect.DeepEqual(w, goldenWelcome) {
			t.Errorf("welcome %+v, %v", w, err)
		}
		clock, err := g.AskTime(t.Context())
		if err != nil || clock.UnixNanos != 1767225600e9 {
			t.Errorf("clock %v, %v", clock, err)
		}
		output := bytes.Repeat([]byte("0123456789abcdef"), MaxLog/16+1) // one frame and a bit
		for _, err := range []error{g.SendReady(), g.SendDemand(goldenDemand), g.SendUsage(goldenUsage),
			g.SendLog(StreamOut, output), g.SendLog(StreamOut, nil), g.SendExit(t.Context(), goldenExit)} {
			if err != nil {
				t.Error(err)
			}
		}
		want := []any{Hello{Role: RolePID1, MaxFrame: DefaultMaxFrame}, OpTime, OpReady, goldenDemand, goldenUsage,
			StreamOut, StreamOut, goldenExit}
		if !reflect.DeepEqual(e.heard, want) {
			t.Errorf("heard %+v\nwant  %+v", e.heard, want)
		}
		if !bytes.Equal(e.log.Bytes(), output) {
			t.Errorf("%d bytes of output came, %d were sent", e.log.Len(), len(output))
		}
	})
}

func TestHostSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ear
		h, _ := pair(t, Config{}, e.handle)
		if err := h.SendGrant(goldenGrant); err != nil {
			t.Error(err)
		}
		if err := h.AskShutdown(t.Context(), Shutdown{3 * time.Second}); err != nil {
			t.Error(err)
		}
		if err := h.SendSteal(Steal{250, time.Second}); err != nil {
			t.Error(err)
		}
		synctest.Wait() // a statement has no answer that says it was heard
		if want := []any{goldenGrant, Shutdown{3 * time.Second}, Steal{250, time.Second}}; !reflect.DeepEqual(e.heard, want) {
			t.Errorf("heard %+v\nwant  %+v", e.heard, want)
		}
	})
}

// TestBadAnswers: an answer of the right kind with wrong content is an error, not a value.
func TestBadAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, h := Pipe()
		c := serve(t, g, Config{}, nil)
		defer h.Close()
		go func() { // a host that answers everything, the heartbeat too, with one byte
			for {
				f, err := ReadFrame(h, DefaultMaxFrame)
				if err != nil {
					return
				}
				h.Write(AppendFrame(nil, reply(f.Op, f.Seq, []byte{7})))
			}
		}()
		if w, err := c.SayHello(t.Context(), goldenHello); err == nil || !reflect.DeepEqual(w, Welcome{}) {
			t.Errorf("hello: %+v, %v", w, err)
		}
		if clock, err := c.AskTime(t.Context()); err == nil || clock != (Clock{}) {
			t.Errorf("time: %v, %v", clock, err)
		}
		if d, err := c.RoundTrip(t.Context()); err == nil || d != 0 {
			t.Errorf("round trip: %v, %v", d, err)
		}
	})
}

func TestHelloCan(t *testing.T) {
	if !goldenHello.Can(CapCPU) || goldenHello.Can("teleport") || (Hello{}).Can(CapMemory) {
		t.Error("Can does not answer from the list")
	}
}

// sink is a transport that takes everything and never says anything.
type sink struct{ closed chan struct{} }

func (s sink) Write(b []byte) (int, error) { return len(b), nil }
func (s sink) Close() error                { close(s.closed); return nil }
func (s sink) Read([]byte) (int, error)    { <-s.closed; return 0, nil }

// TestStatementsAllocateNothing: the statements sent most are sent when memory is short.
func TestStatementsAllocateNothing(t *testing.T) {
	for name, cfg := range map[string]Config{"guest": {}, "host": {Limits: Limits{Stuck: time.Minute}}} {
		c := NewConn(sink{make(chan struct{})}, cfg)
		defer c.Close()
		for what, send := range map[string]func() error{
			"demand": func() error { return c.SendDemand(goldenDemand) },
			"grant":  func() error { return c.SendGrant(goldenGrant) },
			"usage":  func() error { return c.SendUsage(goldenUsage) },
		} {
			var err error
			n := testing.AllocsPerRun(100, func() { err = send() })
			if n != 0 || err != nil {
				t.Errorf("%s: %s allocated %v times, %v", name, what, n, err)
			}
		}
	}
}

// TestWhatComesLateAllocatesNothing: who waits for memory hears of the grant, and says that he lives.
func TestWhatComesLateAllocatesNothing(t *testing.T) {
	c := NewConn(sink{make(chan struct{})}, Config{})
	defer c.Close()
	for what, f := range map[string]Frame{
		"heartbeat": call(OpHeartbeat, 1, []byte("12345678")),
		"grant":     {Header: Header{Op: OpGrant}, Payload: goldenGrant.AppendTo(nil)},
		"steal":     {Header: Header{Op: OpSteal}, Payload: Steal{Taken: 1}.AppendTo(nil)},
	} {
		sent := bytes.NewReader(AppendFrame(nil, f))
		in := frameReader{r: sent, max: DefaultMaxFrame}
		n := testing.AllocsPerRun(100, func() {
			sent.Seek(0, io.SeekStart)
			got, _, err := in.next(0)
			if err != nil || !bytes.Equal(got.Payload, f.Payload) {
				t.Fatalf("%s: read %q, %v", what, got.Payload, err)
			}
			if got.Op == OpHeartbeat {
				c.beat(got)
			}
		})
		if n != 0 {
			t.Errorf("%s allocated %v times", what, n)
		}
	}
}
