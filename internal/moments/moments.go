// Package moments keeps traces: lines of JSON, each what one moment was measured at. What can be recorded can be replayed:
// a governor that is fed the moments of a trace decides as the one did that lived through them.
//
// A [Recorder] writes in a running program; [Read] and [Save] are for tests that replay and record. None of them is safe
// for concurrent use, and there are no locks.
//
//	r := moments.Recorder[Moment]{W: w}
//	err := r.Add(moment)
package moments

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Recorder writes moments of type T. The zero value records nothing, at no cost.
type Recorder[T any] struct {
	W io.Writer // nil = nothing is recorded
}

// Add writes one moment. Recording ends with the first error, which is returned.
func (r *Recorder[T]) Add(moment T) error {
	if r.W == nil {
		return nil
	}
	b, err := json.Marshal(moment)
	if err == nil {
		_, err = r.W.Write(append(b, '\n'))
	}
	if err != nil {
		r.W = nil
		return fmt.Errorf("record moment: %w", err)
	}
	return nil
}

// Read reads a trace whose moments are of type T.
func Read[T any](path string) (trace []T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		var m T
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("read trace %s: line %d: %w", path, len(trace)+1, err)
		}
		trace = append(trace, m)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read trace %s: %w", path, err)
	}
	return trace, nil
}

// Save writes a trace that was recorded, and makes its folder.
func Save(path string, trace []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, trace, 0o644)
	}
	if err != nil {
		return fmt.Errorf("save trace: %w", err)
	}
	return nil
}
