package hvcall

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// with returns a copy of b in which v stands at off, little endian, size bytes long.
func with(b []byte, off, size int, v uint64) []byte {
	b = bytes.Clone(b)
	var le [8]byte
	binary.LittleEndian.PutUint64(le[:], v)
	copy(b[off:off+size], le[:])
	return b
}

func TestHeaderRefused(t *testing.T) {
	good := AppendFrame(nil, call(OpHello, 1, nil))
	cases := []struct {
		name  string
		wire  []byte
		field string
	}{
		{"short", good[:HeaderSize-1], "header"},
		{"empty", nil, "header"},
		{"magic", with(good, 0, 4, 0x4f4c4953+1), "magic"},
		{"length one above the limit", with(good, 8, 4, 1025), "length"},
		{"length 4 GiB", with(good, 8, 4, math.MaxUint32), "length"},
		{"unknown flag", with(good, 6, 2, 1<<3), "flags"},
		{"highest flag", with(good, 6, 2, 1<<15), "flags"},
		{"call and reply", with(good, 6, 2, 3), "flags"},
		{"error in a statement", with(good, 6, 2, 4), "flags"},
		{"error in a call", with(good, 6, 2, 5), "flags"},
		{"call without seq", with(good, 12, 4, 0), "seq"},
		{"reply without seq", with(with(good, 6, 2, 2), 12, 4, 0), "seq"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseHeader(c.wire, 1024)
			wantField(t, err, c.field)
		})
	}
	if _, err := ParseHeader(with(good, 8, 4, 1024), 1024); err != nil {
		t.Errorf("a payload of exactly the limit: %v", err)
	}
}

// wantField demands a FrameError whose field starts so.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	var bad *FrameError
	if !errors.As(err, &bad) {
		t.Fatalf("error %v (%T), want a FrameError", err, err)
	}
	if !strings.HasPrefix(bad.Field, field) {
		t.Errorf("refused for %q: %v, want %q", bad.Field, err, field)
	}
	if bad.Why == "" {
		t.Error("the error does not say why")
	}
}

// refusal is a payload that a decoder must refuse, and the field it must name.
type refusal struct {
	name, field string
	payload     []byte
}

func checkRefused[T any](t *testing.T, decode func([]byte) (T, error), cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(c.payload)
			wantField(t, err, c.field)
		})
	}
}

func TestProfileRefused(t *testing.T) {
	for _, k := range ProfileKinds {
		if err := (Profile{Kind: k, Millis: 1000}).Check(); err != nil {
			t.Error(err)
		}
	}
	checkRefused(t, DecodeProfile, []refusal{
		{"empty", "profile payload", nil},
		{"no kind", "profile kind", []byte(`{}`)},
		{"unknown kind", "profile kind", []byte(`{"kind":"coffee"}`)},
		{"negative", "profile millis", []byte(`{"kind":"cpu","millis":-1}`)},
		{"for ever", "profile millis", []byte(`{"kind":"cpu","millis":300001}`)},
	})
}

func TestProbeRefused(t *testing.T) {
	welcome := func(probe string) []byte { return []byte(`{"grant":{},"memory":{},"cpu":{},"liveness":` + probe + `}`) }
	if _, err := DecodeWelcome(welcome(`{"port":80,"path":"/x"}`)); err != nil {
		t.Error(err)
	}
	checkRefused(t, DecodeWelcome, []refusal{
		{"no port", "welcome liveness port", welcome(`{}`)},
		{"port", "welcome liveness port", welcome(`{"port":65536}`)},
		{"path", "welcome liveness path", welcome(`{"port":80,"path":"x"}`)},
		{"two requests", "welcome liveness path", welcome(`{"port":80,"path":"/ HTTP/1.1\r\n"}`)},
		{"every", "welcome liveness every", welcome(`{"port":80,"every_ms":-1}`)},
		{"within", "welcome liveness within", welcome(`{"port":80,"within_ms":86400001}`)},
		{"failures", "welcome liveness failures", welcome(`{"port":80,"failures":1001}`)},
		{"watchdog", "welcome deadline", []byte(`{"grant":{},"memory":{},"cpu":{},"watchdog_ms":-1}`)},
	})
}

func TestDemandRefused(t *testing.T) {
	b := Demand{Memory: 10, Floor: 10, MilliCPU: 10, MilliCPUFloor: 10}.AppendTo(nil)
	if _, err := DecodeDemand(b); err != nil {
		t.Fatalf("floor equal to the demand: %v", err)
	}
	checkRefused(t, DecodeDemand, []refusal{
		{"empty", "demand size", nil},
		{"short", "demand size", b[:demandSize-1]},
		{"long", "demand size", append(bytes.Clone(b), 0)},
		{"memory", "demand memory", with(b, 8, 8, MaxMemory+1)},
		{"floor out of range", "demand floor", with(b, 16, 8, math.MaxUint64)},
		{"floor above memory", "demand floor", with(b, 16, 8, 11)},
		{"io", "demand io", with(b, 24, 8, maxBytesPerSec+1)},
		{"milli cpu", "demand milli cpu", with(b, 32, 4, maxMilliCPU+1)},
		{"milli cpu floor", "demand milli cpu floor", with(b, 36, 4, 11)},
		{"milli cpu floor out of range", "demand milli cpu floor", with(b, 36, 4, maxMilliCPU+1)},
		{"urgency", "demand urgency", with(b, 48, 1, urgencyLimit)},
		{"reason", "demand reason", with(b, 49, 1, reasonLimit)},
		{"first byte of padding", "demand padding", with(b, 50, 1, 1)},
		{"last byte of padding", "demand padding", with(b, 55, 1, 1)},
	})
}

func TestGrantRefused(t *testing.T) {
	b := Grant{}.AppendTo(nil)
	checkRefused(t, DecodeGrant, []refusal{
		{"empty", "grant size", nil},
		{"long", "grant size", append(bytes.Clone(b), 0)},
		{"memory", "grant memory", with(b, 16, 8, MaxMemory+1)},
		{"io", "grant io", with(b, 24, 8, maxBytesPerSec+1)},
		{"milli cpu", "grant milli cpu", with(b, 32, 4, maxMilliCPU+1)},
		{"price", "grant price", with(b, 40, 8, MaxPrice+1)},
		{"limit", "grant limit", with(b, 48, 1, limitLimit)},
		{"padding", "grant padding", with(b, 55, 1, 0x80)},
	})
}

func TestUsageRefused(t *testing.T) {
	b := Usage{}.AppendTo(nil)
	checkRefused(t, DecodeUsage, []refusal{
		{"empty", "usage size", nil},
		{"short", "usage size", b[:usageSize-1]},
		{"total", "usage total", with(b, 8, 8, MaxMemory+1)},
		{"free", "usage free", with(b, 16, 8, MaxMemory+1)},
		{"application", "usage application", with(b, 24, 8, MaxMemory+1)},
		{"live", "usage live", with(b, 32, 8, MaxMemory+1)},
		{"milli cpu", "usage milli cpu", with(b, 80, 4, maxMilliCPU+1)},
		{"online", "usage online", with(b, 84, 4, maxMilliCPU+1)},
		{"gomaxprocs", "usage gomaxprocs", with(b, 92, 4, maxMilliCPU+1)},
	})
}

func TestSmallRefused(t *testing.T) {
	checkRefused(t, DecodeShutdown, []refusal{
		{"empty", "shutdown size", nil},
		{"over a day", "shutdown within", appendU64(nil, uint64(24*time.Hour/time.Millisecond)+1)},
		{"overflow", "shutdown within", appendU64(nil, math.MaxUint64)},
	})
	checkRefused(t, DecodeClock, []refusal{
		{"empty clock", "time size", nil},
		{"long ago", "time clock", appendU64(nil, 1)},
		{"far ahead", "time clock", appendU64(nil, math.MaxUint64)},
	})
	checkRefused(t, DecodeSteal, []refusal{
		{"empty steal", "steal size", nil},
		{"long", "steal size", make([]byte, stealSize+1)},
		{"more than all", "steal taken", appendU32(nil, 1001, 0)},
		{"over an hour", "steal span", appendU32(nil, 0, uint32(time.Hour/time.Millisecond)+1)},
	})
	checkRefused(t, DecodeLog, []refusal{
		{"no stream", "log size", nil},
		{"stream 0", "log stream", []byte{0, 'x'}},
		{"stream unknown", "log stream", []byte{byte(streamLimit), 'x'}},
		{"log too long", "log size", make([]byte, MaxLog+2)},
	})
}

func TestHelloRefused(t *testing.T) {
	many := `["` + strings.Repeat(`x","`, maxCapabilities) + `x"]`
	checkRefused(t, DecodeHello, []refusal{
		{"empty", "hello payload", nil},
		{"not JSON", "hello payload", []byte("hello")},
		{"not UTF-8", "hello payload", []byte("{\"role\":\"\xff\"}")},
		{"array", "hello payload", []byte("[]")},
		{"trailing", "hello payload", []byte(`{"role":"pid1"}{}`)},
		{"no role", "hello role", []byte("{}")},
		{"strange role", "hello role", []byte(`{"role":"root"}`)},
		{"too many capabilities", "hello capabilities", []byte(`{"role":"pid1","capabilities":` + many + `}`)},
		{"build too long", "hello build", []byte(`{"role":"pid1","build":"` + strings.Repeat("x", maxNameLength+1) + `"}`)},
		{"negative cpus", "hello num_cpu", []byte(`{"role":"pid1","num_cpu":-1}`)},
		{"too many cpus", "hello num_cpu", []byte(`{"role":"pid1","num_cpu":1000000}`)},
		{"max_frame negative", "hello payload", []byte(`{"role":"pid1","max_frame":-1}`)},
		{"too large", "hello size", []byte(`{"role":"pid1"` + strings.Repeat(" ", maxHello) + `}`)},
	})
}

func TestWelcomeRefused(t *testing.T) {
	checkRefused(t, DecodeWelcome, []refusal{
		{"empty", "hello payload", nil},
		{"not JSON", "hello payload", []byte("{")},
		{"memory out of range", "welcome memory", Welcome{Memory: MemoryBounds{Max: MaxMemory + 1}}.Encode()},
		{"boot above max", "welcome memory", Welcome{Memory: MemoryBounds{Boot: 2, Max: 1}}.Encode()},
		{"seed too long", "welcome seed", Welcome{Seed: make([]byte, MaxSeed+1)}.Encode()},
		{"grant out of range", "welcome memory", Welcome{Grant: GrantJSON{Memory: MaxMemory + 1}}.Encode()},
		{"cpu out of range", "welcome cpu", Welcome{CPU: CPUBounds{MaxMilli: maxMilliCPU + 1}}.Encode()},
		{"min above max", "welcome cpu", Welcome{CPU: CPUBounds{MinMilli: 2, MaxMilli: 1}}.Encode()},
		{"granted cpu out of range", "welcome cpu", Welcome{Grant: GrantJSON{MilliCPU: maxMilliCPU + 1}}.Encode()},
		{"too many volumes", "welcome volumes", Welcome{Volumes: make([]Volume, MaxVolumes+1)}.Encode()},
		{"volume over the guest's own", "welcome volume path", Welcome{Volumes: []Volume{{Path: "/proc/x", Disk: "d"}}}.Encode()},
		{"volume on nothing", "welcome volume", Welcome{Volumes: []Volume{{Path: "/data"}}}.Encode()},
		{"volume on two things", "welcome volume", Welcome{Volumes: []Volume{{Path: "/data", Disk: "d", Share: "s"}}}.Encode()},
		{"long volume", "welcome volume name", Welcome{Volumes: []Volume{{Path: "/data", Disk: string(make([]byte, 257))}}}.Encode()},
		{"negative shutdown", "welcome deadline", Welcome{ShutdownMS: -1}.Encode()},
		{"negative refusal", "welcome deadline", Welcome{RefusalMS: -1}.Encode()},
	})
}

func TestExitRefused(t *testing.T) {
	long := strings.Repeat("x", MaxTrace+1)
	checkRefused(t, DecodeExit, []refusal{
		{"empty", "exit payload", nil},
		{"no cause", "exit cause", []byte("{}")},
		{"strange cause", "exit cause", []byte(`{"cause":"bored"}`)},
		{"negative code", "exit code", Exit{Cause: CauseExit, Code: -1}.Encode()},
		{"code 256", "exit code", Exit{Cause: CauseExit, Code: 256}.Encode()},
		{"negative signal", "exit signal", Exit{Cause: CauseSignal, Signal: -1}.Encode()},
		{"signal 65", "exit signal", Exit{Cause: CauseSignal, Signal: 65}.Encode()},
		{"trace too long", "exit trace", []byte(`{"cause":"exit","trace":"` + long + `"}`)},
		{"text too long", "exit trace", []byte(`{"cause":"exit","text":"` + long + `"}`)},
	})
}

// TestExitTraceAnyBytes: whatever an application wrote before it died, the host accepts the report.
func TestExitTraceAnyBytes(t *testing.T) {
	for name, trace := range map[string]string{
		"binary":             strings.Repeat("\xff\x00\xfe", MaxTrace),
		"cut inside a rune":  strings.Repeat("x", MaxTrace-1) + "é",
		"control characters": strings.Repeat("\x01", MaxTrace),
		"exactly the limit":  strings.Repeat("x", MaxTrace),
	} {
		t.Run(name, func(t *testing.T) {
			b := Exit{Cause: CausePanic, Code: 2, Text: trace, Trace: trace}.Encode()
			if len(b) > DefaultMaxFrame {
				t.Errorf("%d bytes do not fit a frame", len(b))
			}
			e, err := DecodeExit(b)
			if err != nil {
				t.Fatal(err)
			}
			if e.Code != 2 || !strings.HasPrefix(e.Trace, strings.ToValidUTF8(trace[:3], "?")) {
				t.Errorf("read back code %d, trace %.10q…", e.Code, e.Trace)
			}
		})
	}
}

func TestFaultText(t *testing.T) {
	for name, c := range map[string]struct{ sent, want string }{
		"plain":           {"no such thing", "no such thing"},
		"empty":           {"", ""},
		"long":            {strings.Repeat("x", 1000), strings.Repeat("x", maxFaultText)},
		"cut in a rune":   {strings.Repeat("x", maxFaultText-1) + "é", strings.Repeat("x", maxFaultText-1) + "?"},
		"terminal escape": {"\x1b[2J", `"\x1b[2J"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := decodeFault(OpHello, (&Fault{Code: CodeInvalid, Text: c.sent}).encode())
			if got.Text != c.want || got.Code != CodeInvalid || got.Op != OpHello {
				t.Errorf("got %+v, want text %q", got, c.want)
			}
		})
	}
	if f := decodeFault(OpHello, []byte{1, 2, 3}); f.Code != CodeInternal {
		t.Errorf("a fault too short to read: %+v, want internal error", f)
	}
	if f := decodeFault(OpHello, append([]byte{2, 0, 0, 0}, "\xff\xfe"...)); f.Text != `"\xff\xfe"` {
		t.Errorf("a fault with bytes that are no text: %q", f.Text)
	}
}

// endless yields the bytes it has and then fails the test: a reader that wants more did not check.
type endless struct {
	t *testing.T
	b *bytes.Reader
}

func (e endless) Read(p []byte) (int, error) {
	if e.b.Len() == 0 {
		e.t.Error("read on after a header that had to be refused")
		return 0, io.EOF
	}
	return e.b.Read(p)
}

func TestReadFrameStopsAtBadHeader(t *testing.T) {
	wire := with(AppendFrame(nil, call(OpHello, 1, nil)), 8, 4, math.MaxUint32)
	_, err := ReadFrame(endless{t, bytes.NewReader(wire)}, 1<<20)
	wantField(t, err, "length")
}

func TestReadFrameEnds(t *testing.T) {
	wire := AppendFrame(nil, call(OpHello, 1, []byte("12345678")))
	for n := range wire {
		_, err := ReadFrame(bytes.NewReader(wire[:n]), 1<<20)
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF // an end between frames is a clean one
		}
		if !errors.Is(err, want) {
			t.Errorf("%d of %d bytes: %v, want %v", n, len(wire), err, want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{OpHello, "hello"}, {OpTime, "time"}, {Op(4711), "op(4711)"},
		{ReasonRestate, "restate"}, {Reason(reasonLimit), "unknown"},
		{LimitReclaim, "reclaim"}, {Limit(limitLimit), "unknown"},
		{CodeBusy, "busy"}, {Code(77), "code 77"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%#v is named %q, want %q", c.got, got, c.want)
		}
	}
	if len(reasonNames) != int(reasonLimit) || len(limitNames) != int(limitLimit) {
		t.Error("a reason or limit has no name")
	}
	if got := (&FrameError{Field: "magic", Value: 7, Why: "not a silo frame"}).Error(); got != "decode frame: magic 7: not a silo frame" {
		t.Error(got)
	}
}

func TestCoreRefused(t *testing.T) {
	checkRefused(t, DecodeCore, []refusal{
		{"no phase", "core phase", []byte(`{}`)},
		{"unknown phase", "core phase", []byte(`{"phase":"later"}`)},
		{"signal", "core signal", []byte(`{"phase":"begin","signal":65}`)},
		{"size", "core size", Core{Phase: CoreEnd, Size: MaxCore + 1}.Encode()},
		{"text", "core text", []byte(`{"phase":"broke","text":"` + strings.Repeat("x", maxFaultText+1) + `"}`)},
	})
	piece := CorePiece{Data: make([]byte, MaxCorePiece)}.AppendTo(nil)
	checkRefused(t, DecodeCorePiece, []refusal{
		{"nothing in it", "core piece size", piece[:8]},
		{"too long", "core piece size", append(piece, 0)},
		{"too far", "core piece offset", with(piece, 0, 8, MaxCore-MaxCorePiece+1)},
		{"around the end of all numbers", "core piece offset", with(piece, 0, 8, math.MaxUint64)},
	})
	if _, err := DecodeCorePiece(with(piece, 0, 8, MaxCore-MaxCorePiece)); err != nil {
		t.Errorf("the last piece of the largest core: %v", err)
	}
	checkRefused(t, DecodeExit, []refusal{{"file of the host", "exit core", []byte(`{"cause":"exit","core":"/etc/passwd"}`)}})
}
