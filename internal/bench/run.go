package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// Config says what to measure and where.
type Config struct {
	Name string    // of the benchmark
	Dir  string    // root of the module
	Out  io.Writer // where progress and the table go
}

// Benchmark measures and returns one result for each of its bars. What it is doing it tells to
// cfg.Out.
type Benchmark func(ctx context.Context, cfg Config) ([]Result, error)

// benchmarks are those there are.
var benchmarks = map[string]Benchmark{
	"apps":    Apps,
	"boot":    Boot,
	"broker":  BrokerPolicy,
	"compat":  Compat,
	"cpu":     CPU,
	"guests":  Guests,
	"heap":    Heap,
	"migrate": Migrate,
	"restart": Restart,
	"volume":  Volume,
}

// Run measures, prints the table and writes out/bench/NAME.json. It returns an error when something
// could not be measured, and none when a bar was not met.
func Run(ctx context.Context, cfg Config) error {
	measure, ok := benchmarks[cfg.Name]
	if !ok {
		return fmt.Errorf("find benchmark: there is no %q; there are: %s", cfg.Name,
			strings.Join(slices.Sorted(maps.Keys(benchmarks)), ", "))
	}
	results, err := measure(ctx, cfg)
	if err != nil {
		return fmt.Errorf("bench %s: %w", cfg.Name, err)
	}
	fmt.Fprintln(cfg.Out, Table(results))
	path, err := write(cfg, cfg.Name, results)
	if err != nil {
		return err
	}
	fmt.Fprintln(cfg.Out, "written to", path)
	return nil
}

// write replaces out/bench/NAME.json in one piece.
func write[T any](cfg Config, name string, results []T) (string, error) {
	path := filepath.Join(cfg.Dir, "out", "bench", name+".json")
	b, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("write results: %w", err)
	}
	if err := renameio.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("write results: %w", err)
	}
	return path, nil
}
