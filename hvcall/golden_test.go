package hvcall

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is one frame whose bytes a file fixes.
type golden struct {
	name   string // of the file, without .hex
	frame  Frame
	layout string                       // key of layouts; "" = text
	decode func([]byte) (string, error) // the payload read back, as %+v shows it
	want   string                       // what decode must say
}

// show adapts a decoder: what it read, as text.
func show[T any](decode func([]byte) (T, error)) func([]byte) (string, error) {
	return func(b []byte) (string, error) {
		v, err := decode(b)
		return fmt.Sprintf("%+v", v), err
	}
}

func statement(op Op, payload []byte) Frame { return Frame{Header{Op: op}, payload} }
func call(op Op, seq uint32, payload []byte) Frame {
	return Frame{Header{Op: op, Flags: FlagCall, Seq: seq}, payload}
}
func reply(op Op, seq uint32, payload []byte) Frame {
	return Frame{Header{Op: op, Flags: FlagReply, Seq: seq}, payload}
}

var (
	goldenHello = Hello{Role: RolePID1, Build: "v0.1.0", Capabilities: []Capability{CapMemory, CapCPU, CapLog},
		MaxFrame: 1 << 20, NumCPU: 2, PID: 1}
	goldenWelcome = Welcome{Name: "kv-1", Capabilities: []Capability{CapMemory, CapCPU, CapLog}, MaxFrame: 1 << 20,
		Grant:  GrantJSON{Serial: 1, Memory: 64 << 20, MilliCPU: 1000},
		Memory: MemoryBounds{Boot: 64 << 20, Max: 2 << 30}, CPU: CPUBounds{MinMilli: 1000, MaxMilli: 2000},
		Args: []string{"-listen", ":6379"}, Env: []string{"TOKEN=secret"}, Dir: "/data",
		Network: &Network{MAC: "52:54:00:12:34:56", Address: []string{"10.0.2.15/24"}, Gateway: []string{"10.0.2.2"},
			DNS: []string{"10.0.2.3"}, MTU: 1500},
		UnixNanos: 1767225600e9, Seed: []byte("\x00\x01\xfe\xff"), ShutdownMS: 10_000, RefusalMS: 30_000,
		Readiness: &Probe{Port: 80, Path: "/healthz", EveryMS: 500}, Liveness: &Probe{Port: 80, WithinMS: 2000, Failures: 5}, WatchdogMS: 10_000, Cores: true}
	goldenDemand = Demand{Revision: 7, Memory: 768 << 20, Floor: 512 << 20, IO: 100 << 20, MilliCPU: 1500, MilliCPUFloor: 250,
		Applied: 6, Urgency: UrgencySoon, Reason: ReasonForecast}
	goldenGrant = Grant{Serial: 8, Revision: 7, Memory: 640 << 20, IO: 50 << 20, MilliCPU: 2000, Within: 250, Price: 3, Limit: LimitHost}
	goldenUsage = Usage{Applied: 8, Total: 640 << 20, Free: 40 << 20, Application: 560 << 20, Live: 300 << 20, Stalls: 2,
		StallNanos: 1_500_000, Kills: 0, Cycles: 41, CPUNanos: 9_000_000_000, MilliCPU: 2000, Online: 2, Runnable: 5, GoMaxProcs: 2}
	goldenArrived = Migrate{Phase: PhaseArrived, UnixNanos: 1767225600e9, Seed: []byte("\x00\x01\xfe\xff")}
	goldenProfile = Profile{Kind: ProfileCPU, Millis: 5000}
	goldenCore    = Core{Phase: CoreBegin, Signal: 6}
	goldenCoreEnd = Core{Phase: CoreEnd, Size: 1 << 30}
	goldenPiece   = CorePiece{Offset: 5 * CoreUnit, Data: []byte("goroutine")}
	goldenExit    = Exit{Cause: CausePanic, Code: 2, Text: "panic: index out of range", Trace: "goroutine 1 [running]:\nmain.main()\n"}
)

// goldens has every message in both directions, each reply and the refusal.
var goldens = []golden{
	{"01-hello-call", call(OpHello, 1, goldenHello.Encode()), "", show(DecodeHello), fmt.Sprintf("%+v", goldenHello)},
	{"01-hello-reply-welcome", reply(OpHello, 1, goldenWelcome.Encode()), "", showWelcome, string(goldenWelcome.Encode())},
	{"02-ready", statement(OpReady, nil), "", nil, ""},
	{"03-demand", statement(OpDemand, goldenDemand.AppendTo(nil)), "Demand", show(DecodeDemand), fmt.Sprintf("%+v", goldenDemand)},
	{"04-grant", statement(OpGrant, goldenGrant.AppendTo(nil)), "Grant", show(DecodeGrant), fmt.Sprintf("%+v", goldenGrant)},
	{"05-usage", statement(OpUsage, goldenUsage.AppendTo(nil)), "Usage", show(DecodeUsage), fmt.Sprintf("%+v", goldenUsage)},
	{"06-log", statement(OpLog, Log{StreamErr, []byte("listening on :6379\n")}.AppendTo(nil)), "", show(DecodeLog),
		fmt.Sprintf("%+v", Log{StreamErr, []byte("listening on :6379\n")})},
	{"07-exit-call", call(OpExit, 2, goldenExit.Encode()), "", show(DecodeExit), fmt.Sprintf("%+v", goldenExit)},
	{"07-exit-reply", reply(OpExit, 2, nil), "", nil, ""},
	{"08-shutdown-call", call(OpShutdown, 3, Shutdown{10 * time.Second}.AppendTo(nil)), "Shutdown", show(DecodeShutdown), "{Within:10s}"},
	{"08-shutdown-reply", reply(OpShutdown, 3, nil), "", nil, ""},
	{"09-heartbeat-call", call(OpHeartbeat, 4, []byte("\x01\x02\x03\x04\x05\x06\x07\x08")), "", nil, ""},
	{"09-heartbeat-reply", reply(OpHeartbeat, 4, []byte("\x01\x02\x03\x04\x05\x06\x07\x08")), "", nil, ""},
	{"10-time-call", call(OpTime, 5, nil), "", nil, ""},
	{"10-time-reply", reply(OpTime, 5, Clock{1767225600e9}.AppendTo(nil)), "Clock", show(DecodeClock), "{UnixNanos:1767225600000000000}"},
	{"11-steal", statement(OpSteal, Steal{250, 500 * time.Millisecond}.AppendTo(nil)), "Steal", show(DecodeSteal), "{Taken:250 Span:500ms}"},
	{"12-migrate-prepare-call", call(OpMigrate, 7, Migrate{Phase: PhasePrepare, WithinMS: 2000}.Encode()), "", show(DecodeMigrate),
		fmt.Sprintf("%+v", Migrate{Phase: PhasePrepare, WithinMS: 2000})},
	{"12-migrate-arrived-call", call(OpMigrate, 8, goldenArrived.Encode()), "", show(DecodeMigrate), fmt.Sprintf("%+v", goldenArrived)},
	{"12-migrate-reply", reply(OpMigrate, 8, nil), "", nil, ""},
	{"13-profile-call", call(OpProfile, 7, goldenProfile.Encode()), "", show(DecodeProfile), fmt.Sprintf("%+v", goldenProfile)},
	{"13-profile-reply", reply(OpProfile, 7, []byte("\x1f\x8b\x08")), "", nil, ""},
	{"14-core-ask-call", call(OpCore, 8, Core{Phase: CoreAsk}.Encode()), "", show(DecodeCore), fmt.Sprintf("%+v", Core{Phase: CoreAsk})},
	{"14-core-begin-call", call(OpCore, 9, goldenCore.Encode()), "", show(DecodeCore), fmt.Sprintf("%+v", goldenCore)},
	{"14-core-end-call", call(OpCore, 10, goldenCoreEnd.Encode()), "", show(DecodeCore), fmt.Sprintf("%+v", goldenCoreEnd)},
	{"14-core-reply", reply(OpCore, 10, nil), "", nil, ""},
	{"15-core-piece-call", call(OpCorePiece, 11, goldenPiece.AppendTo(nil)), "", show(DecodeCorePiece), fmt.Sprintf("%+v", goldenPiece)},
	{"15-core-piece-reply", reply(OpCorePiece, 11, nil), "", nil, ""},
	{"fault-reply", Frame{Header{Op: 99, Flags: FlagReply | FlagError, Seq: 6}, (&Fault{Code: CodeUnknown, Text: "no handler"}).encode()}, "",
		func(b []byte) (string, error) { return decodeFault(99, b).Error(), nil }, "call op(99): unknown operation: no handler"},
}

// showWelcome compares through JSON, because a Welcome holds a pointer.
func showWelcome(b []byte) (string, error) {
	w, err := DecodeWelcome(b)
	return string(w.Encode()), err
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			path := filepath.Join("testdata", "golden", g.name+".hex")
			wire := AppendFrame(nil, g.frame)
			if *update {
				if err := os.WriteFile(path, []byte(listing(g, wire)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			fixed := readHex(t, path)
			if string(wire) != string(fixed) {
				t.Errorf("encoded\n%s\nthe file says\n%s", hex.Dump(wire), hex.Dump(fixed))
			}
			checkDecode(t, g, fixed)
		})
	}
}

func checkDecode(t *testing.T, g golden, wire []byte) {
	f, err := ReadFrame(strings.NewReader(string(wire)), DefaultMaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	if f.Op != g.frame.Op || f.Flags != g.frame.Flags || f.Seq != g.frame.Seq || string(f.Payload) != string(g.frame.Payload) {
		t.Errorf("read %+v, want %+v", f.Header, g.frame.Header)
	}
	if g.decode == nil {
		return
	}
	if got, err := g.decode(f.Payload); err != nil || got != g.want {
		t.Errorf("decoded %s, %v\nwant %s", got, err, g.want)
	}
}

// TestGoldenComplete sees that no operation and no file was forgotten.
func TestGoldenComplete(t *testing.T) {
	names := map[string]bool{}
	ops := map[Op]bool{}
	for _, g := range goldens {
		names[g.name+".hex"] = true
		ops[g.frame.Op] = true
	}
	for op, name := range opNames {
		if !ops[op] {
			t.Errorf("operation %s has no golden file", name)
		}
	}
	files, err := os.ReadDir(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !names[f.Name()] {
			t.Errorf("testdata/golden/%s belongs to no test", f.Name())
		}
	}
}

// readHex reads a listing: hexadecimal bytes, and comments from # to the end of a line.
func readHex(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		data, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(data), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}

// listing writes a frame as readHex reads it, a field or 16 bytes of text to the line.
func listing(g golden, wire []byte) string {
	var s strings.Builder
	row := func(b []byte, note string) { fmt.Fprintf(&s, "%-48x# %s\n", b, note) }
	fmt.Fprintf(&s, "# %s\n", g.name)
	row(wire[0:4], "magic")
	row(wire[4:6], "op "+g.frame.Op.String())
	row(wire[6:8], fmt.Sprintf("flags %d", g.frame.Flags))
	row(wire[8:12], fmt.Sprintf("length %d", len(g.frame.Payload)))
	row(wire[12:16], fmt.Sprintf("seq %d", g.frame.Seq))
	payload := wire[HeaderSize:]
	for _, f := range layouts[g.layout] {
		name := f.name
		if name == "" {
			name = "padding"
		}
		row(payload[f.off:f.off+f.size], fmt.Sprintf("%2d %s", f.off, name))
	}
	for i := 0; g.layout == "" && i < len(payload); i += 16 {
		part := payload[i:min(i+16, len(payload))]
		row(part, fmt.Sprintf("%3d %s", i, visible(part)))
	}
	return s.String()
}

func visible(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, string(b))
}
