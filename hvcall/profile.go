package hvcall

import (
	"context"
	"fmt"
	"time"
)

// ProfileKind says which profile of a program is wanted.
type ProfileKind string

// The kinds. All but the first two are those of runtime/pprof.
const (
	ProfileStack ProfileKind = "stack" // what every goroutine does, as text
	ProfileQuit  ProfileKind = "quit"  // SIGQUIT, which a Go program answers with its stacks on standard error, and by ending

	ProfileCPU       ProfileKind = "cpu"
	ProfileHeap      ProfileKind = "heap"
	ProfileAllocs    ProfileKind = "allocs"
	ProfileGoroutine ProfileKind = "goroutine"
	ProfileBlock     ProfileKind = "block"
	ProfileMutex     ProfileKind = "mutex"
	ProfileThreads   ProfileKind = "threadcreate"
)

// ProfileKinds are all there are, for checks and help.
var ProfileKinds = []ProfileKind{ProfileStack, ProfileQuit, ProfileCPU, ProfileHeap, ProfileAllocs, ProfileGoroutine,
	ProfileBlock, ProfileMutex, ProfileThreads}

// maxProfiled is the longest time over which a program is profiled.
const maxProfiled = 5 * time.Minute

// Profile asks a program for a profile of itself. The answer is compressed by gzip: the text of ProfileStack, else
// what go tool pprof reads; for ProfileQuit nothing.
type Profile struct {
	Kind   ProfileKind `json:"kind"`
	Millis int64       `json:"millis,omitempty"` // of ProfileCPU: over which time; 0 = 10 s
}

// For is the time over which the processor is profiled.
func (p Profile) For() time.Duration {
	if p.Millis == 0 {
		return 10 * time.Second
	}
	return time.Duration(p.Millis) * time.Millisecond
}

// Encode returns the JSON form.
func (p Profile) Encode() []byte { return mustJSON(p) }

// DecodeProfile reads and checks a Profile.
func DecodeProfile(b []byte) (Profile, error) {
	var p Profile
	if err := unmarshal(OpProfile, b, &p); err != nil {
		return Profile{}, err
	}
	return p, p.Check()
}

// Check returns a *FrameError unless the profile can be made.
func (p Profile) Check() error {
	known := false
	for _, k := range ProfileKinds {
		known = known || k == p.Kind
	}
	switch {
	case !known:
		return &FrameError{Field: "profile kind", Why: fmt.Sprintf("%.20q is none of %v", p.Kind, ProfileKinds)}
	case p.Millis < 0 || p.Millis > maxProfiled.Milliseconds():
		return &FrameError{Field: "profile millis", Value: uint64(p.Millis), Why: fmt.Sprintf("not from 0 to %d", maxProfiled.Milliseconds())}
	}
	return nil
}

// AskProfile asks for a profile and waits for it. A program that cannot make one is a *Fault with CodeUnknown.
func (c *Conn) AskProfile(ctx context.Context, p Profile) ([]byte, error) {
	return c.Call(ctx, OpProfile, p.Encode())
}
