package sched

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/internal/moments"
)

var record = flag.Bool("record", false, "run the programs of the traces and write testdata/traces anew")

// programs are what the traces in testdata were recorded from, on a machine that granted two vCPUs at once, each with
// what its replay must hold: how many vCPUs are wanted at most, and how often that changes.
var programs = map[string]struct {
	run     func()
	top     int
	changes int
}{
	"idle":    {func() { time.Sleep(3 * time.Second) }, 1, 0},
	"burst":   {bursts, 2, 4},
	"hogs":    {hogs, 2, 2},
	"steady":  {trickle, 2, 2},
	"server":  {server, 2, 2},
	"collect": {collect, 2, 4},
}

// TestTraces replays what real programs' schedulers said.
func TestTraces(t *testing.T) {
	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "traces", name+".jsonl")
			if *record {
				recordTrace(t, path, p.run)
			}
			ms := readTrace(t, path)
			top, changes, late := replay(ms)
			t.Logf("%d samples in %v: at most %d vCPUs wanted, %d changes, first asked after a second goroutine could have run and the program had run for %v", len(ms), ms[len(ms)-1].At, top, changes, late)
			if top != p.top || changes > p.changes {
				t.Errorf("at most %d vCPUs wanted, want %d; %d changes, want at most %d", top, p.top, changes, p.changes)
			}
			if top > 1 && late > 60*time.Millisecond {
				t.Errorf("asked after a second goroutine could have run and the program had run for %v", late)
			}
		})
	}
}

// replay feeds a governor with a trace. How late it asked for more is in processor time that the program had used
// since: a machine that stood still while the trace was recorded is not the governor's.
func replay(ms []Moment) (top, changes int, late time.Duration) {
	g := NewGovernor(Config{Max: 2})
	var waiting, asked time.Duration
	for _, m := range ms {
		want, changed, _ := g.Step(m.At, m.Sample)
		switch {
		case asked != 0:
		case m.Running-1+m.Runnable < 2: // one vCPU is enough
			waiting = 0
		case waiting == 0:
			waiting = m.CPU
		}
		if changed {
			if changes++; asked == 0 {
				asked = m.CPU
			}
		}
		top = max(top, want)
	}
	return top, changes, asked - waiting
}

func recordTrace(t *testing.T, path string, run func()) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var b bytes.Buffer
	var a *Agent
	a = New(Config{Max: 2, Trace: &b}, nil, func(s Statement) { a.Grant(s.MilliCPU) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	time.Sleep(500 * time.Millisecond)
	run()
	cancel()
	<-done
	if err := moments.Save(path, b.Bytes()); err != nil {
		t.Fatal(err)
	}
}

func readTrace(t *testing.T, path string) []Moment {
	t.Helper()
	ms, err := moments.Read[Moment](path)
	if err != nil {
		t.Fatalf("%v; record it: go test -run TestTraces -record ./sched", err)
	}
	return ms
}

// work is a piece of a small request.
func work(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// bursts is two crowds of short pieces, three seconds apart.
func bursts() {
	for range 2 {
		var g sync.WaitGroup
		end := time.Now().Add(200 * time.Millisecond)
		for range 32 {
			g.Go(func() {
				for time.Now().Before(end) {
					work(100 * time.Microsecond)
					runtime.Gosched()
				}
			})
		}
		g.Wait()
		time.Sleep(3 * time.Second)
	}
}

// hogs is four goroutines that never wait for anything.
func hogs() {
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() { work(800 * time.Millisecond) })
	}
	g.Wait()
	time.Sleep(3 * time.Second)
}

// trickle is pieces at even distances for more than one vCPU.
func trickle() {
	var g sync.WaitGroup
	for end, next := time.Now().Add(3*time.Second), time.Now(); time.Now().Before(end); {
		for ; time.Until(next) <= 0; next = next.Add(time.Millisecond) {
			g.Go(func() { work(1300 * time.Microsecond) })
		}
		time.Sleep(time.Until(next))
	}
	g.Wait()
}

// server is clients that ask a web server as fast as it answers.
func server() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		work(200 * time.Microsecond)
		io.WriteString(w, "done")
	}))
	defer srv.Close()
	var g sync.WaitGroup
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		for range 8 {
			g.Go(func() {
				for time.Now().Before(end) {
					resp, err := http.Get(srv.URL)
					if err != nil {
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		}
		g.Wait()
	}
	time.Sleep(3 * time.Second)
}

// collect is one goroutine that makes garbage: the collector works beside it.
func collect() {
	var keep [64][]byte
	for end, i := time.Now().Add(2*time.Second), 0; time.Now().Before(end); i++ {
		keep[i%len(keep)] = make([]byte, 256<<10)
		if i%50 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	runtime.KeepAlive(keep)
}

// TestAgentRecords: a trace that cannot be written costs a warning and nothing else.
func TestAgentRecords(t *testing.T) {
	a := New(Config{Trace: failing{}}, nil, func(Statement) {})
	a.step()
	a.step()
	if a.trace.W != nil {
		t.Error("it is written to a trace that fails")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
