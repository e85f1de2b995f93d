package main

import (
	"errors"
	"time"
)

// waitFlag is a time to wait that may have been left open.
type waitFlag struct {
	wait time.Duration
	set  bool
}

// String implements pflag.Value.
func (w *waitFlag) String() string {
	if !w.set {
		return ""
	}
	return w.wait.String()
}

// Set implements pflag.Value.
func (w *waitFlag) Set(s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return errors.New("not a time: write it as 500ms, 30s or 2m")
	case d < 0 || d != 0 && d < time.Millisecond:
		return errors.New("must be 0, for ever, or at least 1ms")
	}
	w.wait, w.set = d, true
	return nil
}

// Type implements pflag.Value.
func (w *waitFlag) Type() string { return "time" }

// or is the time, or another where none was given.
func (w *waitFlag) or(other time.Duration) time.Duration {
	if w.set {
		return w.wait
	}
	return other
}
