package hvcall

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// seedPayloads adds the payload of every golden file: the fuzzers start from correct messages.
func seedPayloads(f *testing.F) {
	for _, g := range goldens {
		f.Add(g.frame.Payload)
	}
}

// fuzzDecode checks what every decoder owes: no panic, a FrameError or a value, and a value that
// its own encoding gives back unchanged.
func fuzzDecode[T any](f *testing.F, decode func([]byte) (T, error), encode func(T) []byte) {
	seedPayloads(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		v, err := decode(b)
		if !bytes.Equal(b, before) {
			t.Error("the decoder wrote into its input")
		}
		if err != nil {
			var bad *FrameError
			if !errors.As(err, &bad) {
				t.Errorf("refused with %v (%T), want a FrameError", err, err)
			}
			return
		}
		again, err := decode(encode(v))
		if err != nil {
			t.Fatalf("%+v was accepted, its encoding is not: %v", v, err)
		}
		if diff := cmp.Diff(v, again, cmpopts.EquateEmpty()); diff != "" { // an empty list is not sent
			t.Error(diff)
		}
	})
}

// fuzzFixed asks more of fixed layouts: one value has exactly one wire form.
func fuzzFixed[T interface{ AppendTo([]byte) []byte }](f *testing.F, decode func([]byte) (T, error)) {
	seedPayloads(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err != nil {
			var bad *FrameError
			if !errors.As(err, &bad) {
				t.Errorf("refused with %v (%T), want a FrameError", err, err)
			}
			return
		}
		if got := v.AppendTo(nil); !bytes.Equal(got, b) {
			t.Errorf("decoded % x\nencoded % x", b, got)
		}
	})
}

func FuzzDecodeDemand(f *testing.F)   { fuzzFixed(f, DecodeDemand) }
func FuzzDecodeGrant(f *testing.F)    { fuzzFixed(f, DecodeGrant) }
func FuzzDecodeUsage(f *testing.F)    { fuzzFixed(f, DecodeUsage) }
func FuzzDecodeLog(f *testing.F)      { fuzzFixed(f, DecodeLog) }
func FuzzDecodeShutdown(f *testing.F) { fuzzFixed(f, DecodeShutdown) }
func FuzzDecodeSteal(f *testing.F)    { fuzzFixed(f, DecodeSteal) }
func FuzzDecodeClock(f *testing.F)    { fuzzFixed(f, DecodeClock) }

func FuzzDecodeHello(f *testing.F)   { fuzzDecode(f, DecodeHello, Hello.Encode) }
func FuzzDecodeWelcome(f *testing.F) { fuzzDecode(f, DecodeWelcome, Welcome.Encode) }
func FuzzDecodeMigrate(f *testing.F) { fuzzDecode(f, DecodeMigrate, Migrate.Encode) }
func FuzzDecodeExit(f *testing.F)    { fuzzDecode(f, DecodeExit, Exit.Encode) }

func FuzzDecodeProfile(f *testing.F) { fuzzDecode(f, DecodeProfile, Profile.Encode) }

func FuzzDecodeCore(f *testing.F)      { fuzzDecode(f, DecodeCore, Core.Encode) }
func FuzzDecodeCorePiece(f *testing.F) { fuzzFixed(f, DecodeCorePiece) }

func FuzzDecodeFault(f *testing.F) {
	seedPayloads(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		fault := decodeFault(OpHello, b)
		if len(fault.Text) > 4*maxFaultText+2 {
			t.Errorf("a text of %d bytes", len(fault.Text))
		}
		if !printable(fault.Text) {
			t.Errorf("text %q would upset a terminal", fault.Text)
		}
	})
}

// FuzzReadFrame reads frames from any bytes until they end. What was read, written again, is what
// was read from; and no single read asks for more than the limit.
func FuzzReadFrame(f *testing.F) {
	var all []byte
	for _, g := range goldens {
		wire := AppendFrame(nil, g.frame)
		f.Add(wire)
		all = append(all, wire...)
	}
	f.Add(all)
	const limit = 4096
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &greedy{r: bytes.NewReader(b)}
		var again []byte
		for {
			frame, err := ReadFrame(r, limit)
			if err != nil {
				break
			}
			again = AppendFrame(again, frame)
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("read % x\nfrom % x", again, b)
		}
		if r.most > limit {
			t.Errorf("a buffer of %d bytes was made, above the limit of %d", r.most, limit)
		}
	})
}

// greedy remembers the largest buffer that somebody wanted filled.
type greedy struct {
	r    io.Reader
	most int
}

func (g *greedy) Read(p []byte) (int, error) {
	g.most = max(g.most, len(p))
	return g.r.Read(p)
}

// TestCorpusNames: a fuzzer that was renamed would lose its findings in silence.
func TestCorpusNames(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("testdata", "fuzz", "*"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"FuzzReadFrame": true, "FuzzDecodeDemand": true, "FuzzDecodeGrant": true, "FuzzDecodeUsage": true,
		"FuzzDecodeLog": true, "FuzzDecodeShutdown": true, "FuzzDecodeClock": true, "FuzzDecodeSteal": true, "FuzzDecodeHello": true,
		"FuzzDecodeWelcome": true, "FuzzDecodeExit": true, "FuzzDecodeMigrate": true, "FuzzDecodeProfile": true, "FuzzDecodeCore": true, "FuzzDecodeCorePiece": true, "FuzzDecodeFault": true, "FuzzConn": true}
	for _, d := range dirs {
		if !known[filepath.Base(d)] {
			t.Errorf("%s belongs to no fuzzer", d)
		}
	}
}
