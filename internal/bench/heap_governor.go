package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// governorCPU is what governing may cost at a thousand collections a minute, of one CPU.
var governorCPU = Bar{"heap.governor_cpu", 1, Lower, "% of a CPU"}

const (
	governorRuns    = 9
	governorSeconds = 4 // of each run

	// governorPace is collections a minute.
	governorPace = 1000
)

// governorReport is what governorload says at its end.
type governorReport struct {
	Wall, CPU float64 // seconds; CPU of the whole process
	Cycles    uint64
}

// heapGovernor measures what a program pays for being governed: the same program collects a thousand times a
// minute with an Agent and without, in turn, and the difference in its processor time counts.
func heapGovernor(ctx context.Context, cfg Config) (Result, error) {
	dir, err := os.MkdirTemp("", "governorload")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "governorload")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./internal/bench/governorload")
	build.Dir = cfg.Dir
	if out, err := build.CombinedOutput(); err != nil {
		return Result{}, fmt.Errorf("build governorload: %w: %s", err, out)
	}
	var with, without []governorReport
	for i := range governorRuns {
		for _, arm := range []struct {
			name string
			to   *[]governorReport
		}{{"plain", &without}, {"governed", &with}} {
			r, err := runGovernorLoad(ctx, program, arm.name)
			if err != nil {
				return Result{}, fmt.Errorf("measure %s, run %d: %w", arm.name, i+1, err)
			}
			*arm.to = append(*arm.to, r)
		}
		fmt.Fprintf(cfg.Out, "governor %d/%d   plain %.3f s, governed %.3f s of CPU in %.1f s\n", i+1, governorRuns,
			without[i].CPU, with[i].CPU, with[i].Wall)
	}
	cycle, err := governedCycle(ctx, cfg.Dir)
	if err != nil {
		return Result{}, err
	}
	return judgeGovernor(with, without, cycle)
}

// governedCycle has the benchmark of one reading and one decision run, and fails where they allocate.
func governedCycle(ctx context.Context, dir string) (nanos float64, err error) {
	test := exec.CommandContext(ctx, "go", "test", "-run=NONE", "-bench=^BenchmarkCycle$", "-benchtime=5000x", "./alloc")
	test.Dir = dir
	out, err := test.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("run BenchmarkCycle: %w: %s", err, out)
	}
	m := benchmarkLine.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("run BenchmarkCycle: no figures in %q", out)
	}
	if string(m[2]) != "0" {
		return 0, fmt.Errorf("run BenchmarkCycle: a governed cycle allocates %s times, want none", m[2])
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

var benchmarkLine = regexp.MustCompile(`([0-9.]+) ns/op.*\s([0-9]+) allocs/op`)

func runGovernorLoad(ctx context.Context, program, arm string) (r governorReport, err error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, arm, fmt.Sprint(governorPace), fmt.Sprint(governorSeconds))
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("%w: %s", err, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, fmt.Errorf("read what it said, %q: %w", out.String(), err)
	}
	if least := uint64(governorPace * governorSeconds / 60); r.Cycles < least {
		return r, fmt.Errorf("%d collections in %.1f s, want at least %d", r.Cycles, r.Wall, least)
	}
	return r, nil
}

// judgeGovernor takes pairs that ran one after the other, and the nanoseconds of a governed cycle.
func judgeGovernor(with, without []governorReport, cycle float64) (Result, error) {
	var share []float64
	for i := range with {
		share = append(share, 100*(with[i].CPU/with[i].Wall-without[i].CPU/without[i].Wall))
	}
	return governorCPU.Of(share, fmt.Sprintf("processor time of a program with an Agent less that without, at %d collections a minute, in turn; "+
		"a reading and a decision take %.1f µs and allocate nothing", governorPace, cycle/1000))
}
