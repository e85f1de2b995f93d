package bench

import (
	"fmt"
	"math"
	"slices"
)

// Better says which way a value improves.
type Better string

// The two ways.
const (
	Lower  Better = "lower"
	Higher Better = "higher"
)

// Result is one bar with what was measured for it. The field names are those of the JSON files.
type Result struct {
	Bar    string  `json:"bar"`
	Value  float64 `json:"value"` // what is held against the limit
	Limit  float64 `json:"limit"`
	Better Better  `json:"better"`
	Unit   string  `json:"unit"`
	OK     bool    `json:"ok"`
	Median float64 `json:"median"` // of the single measurements, as Min and Max
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
	Note   string  `json:"note"`
}

// Bar is what a result is held against.
type Bar struct {
	Name   string
	Limit  float64
	Better Better
	Unit   string
}

// Of makes the bar's result from single measurements; the median counts.
func (b Bar) Of(samples []float64, note string) (Result, error) {
	return b.With(Quantile(samples, 0.5), samples, note)
}

// With makes the bar's result with a value of its own, derived from the measurements in another
// way than as their median.
func (b Bar) With(value float64, samples []float64, note string) (Result, error) {
	if len(samples) == 0 || math.IsNaN(value) || math.IsInf(value, 0) {
		return Result{}, fmt.Errorf("measure %s: no usable measurement (%d samples, value %v)", b.Name, len(samples), value)
	}
	return Result{
		Bar: b.Name, Value: value, Limit: b.Limit, Better: b.Better, Unit: b.Unit, OK: b.met(value),
		Median: Quantile(samples, 0.5), Min: slices.Min(samples), Max: slices.Max(samples), N: len(samples), Note: note,
	}, nil
}

func (b Bar) met(v float64) bool {
	if b.Better == Higher {
		return v >= b.Limit
	}
	return v <= b.Limit
}

// Quantile is the value that a share q of the samples do not exceed; between two samples it is the
// straight line between them. It is NaN of no samples.
func Quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(samples))
	at := q * float64(len(s)-1)
	low := int(at)
	if low+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[low] + (at-float64(low))*(s[low+1]-s[low])
}

// Ratios divides each of a by its counterpart in b: measured in turn, each pair saw the machine in
// one mood.
func Ratios(a, b []float64) []float64 {
	r := make([]float64, min(len(a), len(b)))
	for i := range r {
		r[i] = a[i] / b[i]
	}
	return r
}
