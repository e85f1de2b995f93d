package alloc

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/moments"
)

var record = flag.Bool("record", false, "run the programs of the traces and write testdata/traces anew")

// traceLatency is how long the host takes to grant, when recording and when replaying.
const traceLatency = 10 * time.Millisecond

// programs are what the traces in testdata were recorded from, each with what its replay must hold:
//
//	over     the share of collections before which the heap passed the forecast, at most
//	by       how far, as a share of the forecast, at the 99th percentile, at most
//	short    moments at which more was in use than a host with 10 ms latency had granted, at most
var programs = map[string]struct {
	run      func()
	over, by float64
	short    int
}{
	"ramp":     {ramp, 0.05, 0.05, 0},
	"sawtooth": {sawtooth, 0.1, 0.1, 0},
	"kv":       {kv, 0.05, 0.05, 0},
	"stacks":   {stacks, 0.5, 0.25, 0}, // new stacks are no part of the goal: the margin carries them
	"large":    {large, 0.3, 3, 4},     // what no forecast can know, and Reserve is for
}

// TestTraces replays recorded programs and reports how good the forecast was.
func TestTraces(t *testing.T) {
	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "traces", name+".jsonl")
			if *record {
				recordTrace(t, path, p.run)
			}
			ms := readTrace(t, path)
			f := judgeForecast(ms)
			short, most := replay(ms)
			t.Logf("%d samples, %d collections; forecast exceeded before %d of them, by p50 %.1f %%, p99 %.1f %%, at most %.1f %%; "+
				"short of the grant at %d samples, by at most %.1f MiB", len(ms), f.cycles, f.over, 100*f.by(0.5), 100*f.by(0.99), 100*f.by(1), short, float64(most)/mib)
			if f.cycles < 3 {
				t.Errorf("only %d collections", f.cycles)
			}
			if share := float64(f.over) / float64(f.cycles); share > p.over || f.by(0.99) > p.by || short > p.short {
				t.Errorf("worse than known: exceeded before %.2f of the collections, want at most %.2f; p99 %.3f, want %.3f; short %d times, want %d",
					share, p.over, f.by(0.99), p.by, short, p.short)
			}
		})
	}
}

// TestAgentRecords: what an Agent saw comes back from its trace, and a writer that fails is left alone.
func TestAgentRecords(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	path := filepath.Join(t.TempDir(), "trace")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Config{Trace: f, UserGOGC: true}, nil, func(Statement) {})
	a.Grant(hvcall.Grant{Memory: 1 << 30}, true)
	a.step()
	a.step()
	_, last := a.Standing()
	f.Close()
	a.step()
	if a.trace.W != nil {
		t.Error("a closed file took a line")
	}
	if ms := readTrace(t, path); len(ms) != 2 || ms[1].Sample != last || ms[1].At <= ms[0].At {
		t.Errorf("recorded %+v, the last sample was %+v", ms, last)
	}
	a.work.Wait()
}

// forecastErrors are those of one trace.
type forecastErrors struct {
	cycles, over int
	excess       []float64 // of each collection, as a share of the forecast; negative = it held
}

// judgeForecast compares what the forecast said after each collection with the most that was in use until
// the next one was over. Free spans are not counted: they are used again before more is taken.
func judgeForecast(ms []Moment) (f forecastErrors) {
	var forecast, peak int64
	for i, m := range ms {
		peak = max(peak, m.Held()-m.Free)
		if i > 0 && m.Cycles == ms[i-1].Cycles {
			continue
		}
		if forecast > 0 {
			f.cycles++
			f.excess = append(f.excess, float64(peak-forecast)/float64(forecast))
			if peak > forecast {
				f.over++
			}
		}
		forecast, peak = Forecast(m.Sample), 0
	}
	slices.Sort(f.excess)
	return f
}

// by is a quantile of the excess, 0 where the forecast held.
func (f forecastErrors) by(q float64) float64 {
	if len(f.excess) == 0 {
		return 0
	}
	return max(0, f.excess[int(q*float64(len(f.excess)-1))])
}

// replay drives a Governor over a trace, beside a host that grants all it is asked for after 10 ms. It
// returns at how many samples more was in use than granted, and the most that was missing.
func replay(ms []Moment) (short int, most int64) {
	g := NewGovernor(Config{UserGOGC: true})
	granted := Forecast(ms[0].Sample) // the program did not begin with nothing
	var pending []pendingGrant
	for _, m := range ms {
		for len(pending) > 0 && pending[0].at <= m.At {
			granted = pending[0].bytes
			g.Granted(pending[0].at, granted, hvcall.LimitNone, len(pending) == 1)
			pending = pending[1:]
		}
		if over := m.Held() - m.Free - granted; over > 0 {
			short++
			most = max(most, over)
		}
		if d := g.Step(m.At, m.Sample); d.State {
			pending = append(pending, pendingGrant{m.At + traceLatency, int64(d.Statement.Memory)})
		}
	}
	return short, most
}

func readTrace(t *testing.T, path string) []Moment {
	t.Helper()
	ms, err := moments.Read[Moment](path)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// recordTrace runs a program under an Agent whose host grants all it is asked for.
func recordTrace(t *testing.T, path string, program func()) {
	t.Helper()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	debug.FreeOSMemory()
	var lines bytes.Buffer
	host := &lateHost{delay: traceLatency, most: math.MaxUint64}
	a := New(Config{Trace: &lines}, nil, host.state)
	host.agent = a
	a.Grant(hvcall.Grant{Memory: simStart}, true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	program()
	cancel()
	<-done
	if err := moments.Save(path, lines.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// pace calls step n times, evenly over a time.
func pace(n int, over time.Duration, step func(i int)) {
	begin := time.Now()
	for i := range n {
		step(i)
		time.Sleep(time.Until(begin.Add(over * time.Duration(i+1) / time.Duration(n))))
	}
}

type cell struct {
	next *cell
	_    [1016]byte
}

// grow returns a list of so many MiB, made over a time.
func grow(megabytes int, over time.Duration) (head *cell) {
	pace(megabytes, over, func(int) {
		for range 1024 {
			head = &cell{next: head}
		}
	})
	return head
}

// ramp grows at 100 MiB/s.
func ramp() { runtime.KeepAlive(grow(300, 3*time.Second)) }

// sawtooth grows and drops.
func sawtooth() {
	for range 4 {
		runtime.KeepAlive(grow(100, 700*time.Millisecond))
		time.Sleep(300 * time.Millisecond)
	}
}

// kv is a web server with a map, and clients that write and read it.
func kv() {
	var mu sync.Mutex
	data := make(map[string][]byte)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPut {
			data[r.URL.Path] = body
		} else {
			w.Write(data[r.URL.Path])
		}
	}))
	defer srv.Close()
	end := time.Now().Add(3 * time.Second)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for time.Now().Before(end) {
				url := fmt.Sprint(srv.URL, "/", rand.IntN(20_000))
				method, body := http.MethodGet, io.Reader(nil)
				if rand.IntN(2) == 0 {
					method, body = http.MethodPut, strings.NewReader(strings.Repeat("x", 100+rand.IntN(8000)))
				}
				req, _ := http.NewRequest(method, url, body)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					panic(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	clients.Wait()
}

// stacks is many goroutines, deep in calls, beside a small heap that is collected again and again.
func stacks() {
	stop := make(chan struct{})
	var work sync.WaitGroup
	pace(100, 2*time.Second, func(int) {
		for range 20 {
			work.Go(func() { deep(100, stop) })
		}
		runtime.KeepAlive(grow(1, 0))
	})
	close(stop)
	work.Wait()
}

func deep(n int, stop <-chan struct{}) (sum byte) {
	var frame [256]byte
	if n == 0 {
		<-stop
	} else {
		frame[n%len(frame)] = deep(n-1, stop)
	}
	for _, b := range frame {
		sum += b
	}
	return sum
}

// large is a small steady heap in which single allocations of 64 MiB come and go.
func large() {
	pace(8, 3*time.Second, func(int) {
		b := make([]byte, 64*mib)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		runtime.KeepAlive(grow(8, 100*time.Millisecond))
		runtime.KeepAlive(b)
	})
}
