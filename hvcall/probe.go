package hvcall

import (
	"strings"
	"time"
)

// Probe tells PID 1 how to find out whether the application serves: by connecting to it inside the guest, or by asking it
// over HTTP for a path, where an answer from 200 to 399 is a good one.
type Probe struct {
	Port     int    `json:"port"`
	Path     string `json:"path,omitempty"`      // of HTTP, from the slash on; "" = a connection is enough
	EveryMS  int64  `json:"every_ms,omitempty"`  // 0 = 1 s
	WithinMS int64  `json:"within_ms,omitempty"` // for an answer; 0 = 1 s
	Failures int    `json:"failures,omitempty"`  // in a row, until they count; 0 = 3
}

// Every is the time between two looks.
func (p Probe) Every() time.Duration { return orSecond(p.EveryMS) }

// Within is the time for an answer.
func (p Probe) Within() time.Duration { return orSecond(p.WithinMS) }

// Patience is how many failures in a row count as one.
func (p Probe) Patience() int {
	if p.Failures == 0 {
		return 3
	}
	return p.Failures
}

func orSecond(ms int64) time.Duration {
	if ms == 0 {
		return time.Second
	}
	return time.Duration(ms) * time.Millisecond
}

const (
	maxProbePath = 4096
	maxProbeMS   = 24 * 3600 * 1000
	maxFailures  = 1000
)

// Check returns a *FrameError that names the field unless the probe can be carried out. nil is no probe.
func (p *Probe) Check(field string) error {
	if p == nil {
		return nil
	}
	bad := func(what string, value int64) error {
		return &FrameError{Field: field + " " + what, Value: uint64(value), Why: "out of range"}
	}
	switch {
	case p.Port < 1 || p.Port > 65535:
		return bad("port", int64(p.Port))
	case p.Path != "" && (p.Path[0] != '/' || len(p.Path) > maxProbePath || strings.ContainsAny(p.Path, " \t\r\n\x00")):
		return &FrameError{Field: field + " path", Why: "not a path"}
	case p.EveryMS < 0 || p.EveryMS > maxProbeMS:
		return bad("every", p.EveryMS)
	case p.WithinMS < 0 || p.WithinMS > maxProbeMS:
		return bad("within", p.WithinMS)
	case p.Failures < 0 || p.Failures > maxFailures:
		return bad("failures", int64(p.Failures))
	}
	return nil
}
