package runtime

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"runtime/pprof"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// mostStacks bounds the text of all stacks before it is compressed, to less than a tenth of its size: what is behind
// it would not fit the answer.
const mostStacks = 8 << 20

// profile makes a profile of this program, compressed.
func profile(ctx context.Context, p hvcall.Profile) ([]byte, error) {
	var out bytes.Buffer
	switch p.Kind {
	case hvcall.ProfileStack:
		return stacks()
	case hvcall.ProfileCPU:
		return processor(ctx, p.For())
	}
	found := pprof.Lookup(string(p.Kind))
	if found == nil {
		return nil, &hvcall.Fault{Op: hvcall.OpProfile, Code: hvcall.CodeUnknown, Text: fmt.Sprintf("no profile %q", p.Kind)}
	}
	if err := found.WriteTo(&out, 0); err != nil {
		return nil, fmt.Errorf("write profile %s: %w", p.Kind, err)
	}
	return out.Bytes(), nil
}

// processor profiles where processor time goes. Who profiles the program by itself goes first.
func processor(ctx context.Context, during time.Duration) ([]byte, error) {
	var out bytes.Buffer
	if err := pprof.StartCPUProfile(&out); err != nil {
		return nil, &hvcall.Fault{Op: hvcall.OpProfile, Code: hvcall.CodeBusy, Text: err.Error()}
	}
	select {
	case <-time.After(during):
	case <-ctx.Done():
	}
	pprof.StopCPUProfile() // writes
	return out.Bytes(), ctx.Err()
}

// stacks is what all goroutines do, as a panic shows it.
func stacks() ([]byte, error) {
	var text, out bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 2); err != nil {
		return nil, fmt.Errorf("write stacks: %w", err)
	}
	if text.Len() > mostStacks {
		text.Truncate(mostStacks)
		text.WriteString("\n… cut off here\n")
	}
	z := gzip.NewWriter(&out)
	if _, err := io.Copy(z, &text); err != nil {
		return nil, fmt.Errorf("compress stacks: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress stacks: %w", err)
	}
	return out.Bytes(), nil
}
