package vmtesting_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a test whose failure is looked at rather than suffered.
type recorder struct {
	testing.TB
	limit time.Time // what Deadline returns; zero = none

	mu       sync.Mutex
	said     strings.Builder
	failed   bool
	cleanups []func()
}

func (r *recorder) Helper()                     {}
func (r *recorder) Cleanup(f func())            { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Deadline() (time.Time, bool) { return r.limit, !r.limit.IsZero() }
func (r *recorder) Log(args ...any)             { r.say(false, "%s", fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, a ...any)   { r.say(true, f, a...) }

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.say(true, format, args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) say(failed bool, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	fmt.Fprintf(&r.said, format+"\n", args...)
}

// noLimit is no deadline.
var noLimit time.Time

// record runs a test to its end and returns what it said and whether it failed.
func record(t *testing.T, limit time.Time, test func(testing.TB)) (string, bool) {
	t.Helper()
	r := &recorder{TB: t, limit: limit}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return r.said.String(), r.failed
}
