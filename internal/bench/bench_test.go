package bench

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		q, want float64
	}{
		{[]float64{7}, 0.5, 7}, {[]float64{3, 1, 2}, 0.5, 2}, {[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{1, 2, 3}, 0, 1}, {[]float64{1, 2, 3}, 1, 3}, {[]float64{0, 100}, 0.99, 99},
	} {
		if got := Quantile(c.samples, c.q); got != c.want {
			t.Errorf("quantile %v of %v is %v, want %v", c.q, c.samples, got, c.want)
		}
	}
	if !math.IsNaN(Quantile(nil, 0.5)) {
		t.Error("no samples have a median")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 1, 50).Draw(t, "samples")
		before := slices.Clone(s)
		low, high := Quantile(s, 0.25), Quantile(s, 0.75)
		if low > high || low < slices.Min(s) || high > slices.Max(s) {
			t.Fatalf("quartiles %v and %v of %v", low, high, s)
		}
		if !slices.Equal(s, before) {
			t.Fatal("the samples were sorted in place")
		}
	})
}

func TestBar(t *testing.T) {
	lower := Bar{"x.time", 2, Lower, "s"}
	got, err := lower.Of([]float64{3, 1, 2}, "n")
	want := Result{"x.time", 2, 2, Lower, "s", true, 2, 1, 3, 3, "n"}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, c := range []struct {
		better Better
		value  float64
		ok     bool
	}{{Lower, 2, true}, {Lower, 2.01, false}, {Higher, 2, true}, {Higher, 1.99, false}} {
		r, err := Bar{"x", 2, c.better, ""}.With(c.value, []float64{9}, "")
		if err != nil || r.OK != c.ok || r.Median != 9 || r.Value != c.value {
			t.Errorf("%s %v: %+v, %v", c.better, c.value, r, err)
		}
	}
	for name, samples := range map[string][]float64{"none": nil, "not a number": {math.NaN()}, "infinite": {math.Inf(1)}} {
		if _, err := lower.Of(samples, ""); err == nil {
			t.Errorf("%s: a result was made", name)
		}
	}
}

func TestRatios(t *testing.T) {
	if got := Ratios([]float64{1, 4, 9}, []float64{2, 2}); !slices.Equal(got, []float64{0.5, 2}) {
		t.Errorf("got %v", got)
	}
}

func TestTable(t *testing.T) {
	text := Table([]Result{
		{Bar: "boot.main_ratio", Value: 0.2345678, Limit: 0.25, Better: Lower, Unit: "×", OK: true, Median: 0.23, Min: 0.2, Max: 0.31, N: 7, Note: "of medians"},
		{Bar: "grow.rate", Value: 1234.5, Limit: 2000, Better: Higher, Unit: "MiB/s", N: 3},
	})
	for _, want := range []string{"boot.main_ratio │ 0.235 │ ≤ 0.250", "│ met", "grow.rate       │  1234 │  ≥ 2000", "NOT MET", "boot.main_ratio: of medians"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.000123: "0.000123", 0.5: "0.500", 1: "1.00", 12.345: "12.3", 123.456: "123", 99999: "99999", -1.5: "-1.50"} {
		if got := figure(v); got != want {
			t.Errorf("%v is shown as %q, want %q", v, got, want)
		}
	}
}

// TestRun goes through the file with a benchmark of its own.
func TestRun(t *testing.T) {
	fail := error(nil)
	results := []Result{{Bar: "fake.bar", Value: 2, Limit: 1, Better: Lower, Unit: "s", Median: 2, Min: 1, Max: 3, N: 7, Note: "missed"}}
	benchmarks["fake"] = func(context.Context, Config) ([]Result, error) { return results, fail }
	defer delete(benchmarks, "fake")
	var out strings.Builder
	cfg := Config{Name: "fake", Dir: t.TempDir(), Out: &out}
	path := filepath.Join(cfg.Dir, "out", "bench", "fake.json")

	fail = errors.New("the guest never said Hello")
	if err := Run(t.Context(), cfg); !errors.Is(err, fail) {
		t.Errorf("a measurement that failed: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed measurement left a file: %v", err)
	}

	fail = nil
	if err := Run(t.Context(), cfg); err != nil {
		t.Errorf("a bar that is not met is no error: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []Result
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(results, got); diff != "" {
		t.Error(diff)
	}
	for _, key := range []string{"bar", "value", "limit", "better", "unit", "ok", "median", "min", "max", "n", "note"} {
		if !strings.Contains(string(b), `"`+key+`":`) {
			t.Errorf("the file lacks %q", key)
		}
	}
	if !strings.Contains(out.String(), "NOT MET") {
		t.Errorf("printed\n%s", &out)
	}

	cfg.Name = "nothing"
	if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "there are: apps, boot, broker, ") {
		t.Errorf("a benchmark that does not exist: %v", err)
	}
}
