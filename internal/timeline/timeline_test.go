package timeline

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot"
)

// run is a guest that grows to 900 MiB and shrinks again.
func run() Timeline {
	t := Timeline{Title: "A guest that follows its data", Phases: []Phase{
		{0, "boot"}, {1200 * time.Millisecond, "load 63,666 package records with redis-cli"},
		{20 * time.Second, "grow: redis-benchmark, 1 KiB values"}, {48 * time.Second, "read every record back and compare"},
		{70 * time.Second, "FLUSHALL"}, {71 * time.Second, "idle"}}}
	level := func(at time.Duration) int64 {
		switch s := at.Seconds(); {
		case s < 1.2:
			return 64 * mib
		case s < 48:
			return int64(64*mib + (s-1.2)*18*mib)
		case s < 70.5:
			return 900 * mib
		}
		return 80 * mib
	}
	for at := time.Duration(0); at < 80*time.Second; at += 100 * time.Millisecond {
		s := Sample{At: at, Demanded: level(at + 300*time.Millisecond), Granted: level(at + 100*time.Millisecond), Resident: level(at) - 10*mib, VCPUs: 1}
		if s.At > 20*time.Second && s.At < 70*time.Second {
			s.VCPUs = 2
		}
		if s.At > 30*time.Second {
			s.Stalls = 3
		}
		t.Samples = append(t.Samples, s)
	}
	return t
}

// texts are the words an SVG shows. They are found by parsing: the picture must be well-formed too.
func texts(t *testing.T, svg []byte) (words []string) {
	t.Helper()
	inside := false
	for dec := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return words
		}
		if err != nil {
			t.Fatalf("the picture is not well-formed: %v", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			inside = x.Name.Local == "text"
		case xml.CharData:
			if inside {
				words = append(words, strings.TrimSpace(string(x)))
			}
		case xml.EndElement:
			inside = false
		}
	}
}

// TestSVG: a reader finds the title, the units, the legend and each phase with how long it took.
func TestSVG(t *testing.T) {
	line := run()
	svg, err := line.SVG()
	if err != nil {
		t.Fatal(err)
	}
	words := texts(t, svg)
	want := []string{line.Title, "memory, MiB", "vCPUs", "stalls so far", "seconds since the guest started",
		"demanded by the guest", "granted by the host", "really held by the host for the guest",
		"boot  (1.2s)", "load 63,666 package records with redis-cli  (18.8s)", "grow: redis-benchmark, 1 KiB values  (28s)",
		"read every record back and compare  (22s)", "FLUSHALL  (1s)", "idle  (8.9s)", "512", "70"}
	for _, w := range want {
		if !slices.Contains(words, w) {
			t.Errorf("the picture does not say %q; it says %q", w, words)
		}
	}
	again, err := line.SVG()
	if err != nil || string(again) != string(svg) {
		t.Errorf("the same run makes two pictures (%v)", err)
	}
	if len(svg) > 2<<20 {
		t.Errorf("the picture has %d bytes", len(svg))
	}
}

// TestSmallest: nothing moved, no phases, no stalls.
func TestSmallest(t *testing.T) {
	svg, err := Timeline{Title: "x", Samples: []Sample{{}, {At: time.Second}}}.SVG()
	if err != nil {
		t.Fatal(err)
	}
	texts(t, svg)
}

func TestRefused(t *testing.T) {
	if _, err := (Timeline{Samples: []Sample{{}}}).SVG(); !errors.Is(err, ErrTooFew) {
		t.Errorf("one sample: %v", err)
	}
	if _, err := (Timeline{Samples: []Sample{{At: 2}, {At: 1}}}).SVG(); err == nil {
		t.Error("samples out of order were drawn")
	}
}

func TestTicks(t *testing.T) {
	marks := func(ticks []plot.Tick) string {
		var s []string
		for _, t := range ticks {
			s = append(s, t.Label)
		}
		return strings.Join(s, " ")
	}
	for high, want := range map[float64]string{100: "0 16 32 48 64 80 96", 1000: "0 128 256 384 512 640 768 896"} {
		if got := marks(binaryTicks{}.Ticks(0, high)); got != want {
			t.Errorf("memory up to %v: %s, want %s", high, got, want)
		}
	}
	for high, want := range map[float64]string{1.2: "0 1", 4.6: "0 1 2 3 4", 9: "0 2 4 6 8", 23: "0 5 10 15 20", 48: "0 10 20 30 40", 95: "0 20 40 60 80"} {
		if got := marks(wholeTicks{5}.Ticks(0, high)); got != want {
			t.Errorf("numbers up to %v: %s, want %s", high, got, want)
		}
	}
}
