// Package silotest gives a test of a silo application a scripted host, so that its author sees how it takes refusals,
// delays and shrinking without a virtual machine:
//
//	func TestCacheShrinks(t *testing.T) {
//		guest, host := silotest.Start(t, hvcalltest.Script{
//			Memory: hvcall.MemoryBounds{Boot: 32 << 20, Max: 256 << 20},
//			Steps:  []hvcalltest.Step{{At: time.Second, Do: hvcalltest.Refusing{}}},
//		})
//		serve(t.Context(), guest) // the function that main hands to silo.Main
//		…
//		if n := host.Overruns.Len(); n > 0 {
//			t.Errorf("a thread would have waited %d times", n)
//		}
//	}
//
// What the program demands, states and exceeds is in the host's journals; Do acts at once, where a step
// of a script acts in its time. A process has one heap and one scheduler, so one test at a time has a host: tests that use
// this package do not run in parallel. Time is real here, since the collector is.
//
// # States
//
//	attached  Start has returned; the test's end moves it on, after the test's own cleanups that came later
//	detached  memory limit, GOGC and GOMAXPROCS are as they were before
//
// There are no locks.
package silotest

import (
	"strings"
	"testing"

	"github.com/silo-os/silo/hvcall/hvcalltest"
	silo "github.com/silo-os/silo/runtime"
)

// Start attaches the test's process to a host that plays the script, until the test ends. A script that cannot be played, or
// another host in the same process, fails the test at once.
func Start(t testing.TB, script hvcalltest.Script) (*silo.Guest, *hvcalltest.Host) {
	t.Helper()
	if err := script.Check(); err != nil {
		t.Fatalf("silotest: %v", err)
	}
	rw, host := hvcalltest.StartHost(t, hvcalltest.HostConfig{Script: script, Tell: teller{t}})
	guest, stop, err := silo.Attach(t.Context(), rw)
	if err != nil {
		t.Fatalf("silotest: %v", err)
	}
	t.Cleanup(stop)
	return guest, host
}

// StartText is Start with a script as text; see [hvcalltest.ParseScript].
func StartText(t testing.TB, script string) (*silo.Guest, *hvcalltest.Host) {
	t.Helper()
	s, err := hvcalltest.ParseScript("", strings.NewReader(script))
	if err != nil {
		t.Fatalf("silotest: %v", err)
	}
	return Start(t, s)
}

// teller writes what goes on into the test's log.
type teller struct{ t testing.TB }

// Write implements io.Writer.
func (w teller) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}
