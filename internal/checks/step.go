package checks

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Step is one thing that must hold.
type Step struct {
	Name string
	Do   func(ctx context.Context, out io.Writer) error // prints what people want to see to out
}

// Run does the steps in order and prints each with its time, then one line for all. It returns the
// first error, with the name of its step.
func Run(ctx context.Context, out io.Writer, name string, steps []Step) error {
	begin := time.Now()
	for i, s := range steps {
		fmt.Fprintf(out, "== %d/%d %s\n", i+1, len(steps), s.Name)
		start := time.Now()
		if err := s.Do(ctx, out); err != nil {
			fmt.Fprintf(out, "%s: FAILED at %q, step %d of %d, after %s\n", name, s.Name, i+1, len(steps), spent(begin))
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		fmt.Fprintf(out, "   %s: ok, %s\n", s.Name, spent(start))
	}
	fmt.Fprintf(out, "%s: ok, all %d steps in %s\n", name, len(steps), spent(begin))
	return nil
}

// spent is the time since start as people read it.
func spent(start time.Time) time.Duration {
	d := time.Since(start)
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}
