package hvcalltest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/silo-os/silo/hvcall"
)

const pressure = `
memory 64M:1G   # a small guest
cpus 1:2

at 1s refuse
at 2s shrink 96M within 500ms
at 3s delay 300ms
at 3s grant
at 4s limit memory 128M vcpus 1
at 5s price 2000000
at 6s steal 250
`

func TestParseScript(t *testing.T) {
	got, err := ParseScript("pressure", strings.NewReader(pressure))
	want := Script{
		Memory: hvcall.MemoryBounds{Boot: 64 * mib, Max: 1024 * mib}, CPU: hvcall.CPUBounds{MinMilli: 1000, MaxMilli: 2000},
		Steps: []Step{
			{time.Second, Refusing{}}, {2 * time.Second, Shrinking{96 * mib, 500 * time.Millisecond}},
			{3 * time.Second, Delaying{300 * time.Millisecond}}, {3 * time.Second, Granting{}},
			{4 * time.Second, Limiting{128 * mib, 1000}}, {5 * time.Second, Pricing{2000000}}, {6 * time.Second, Stealing{250}},
		},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestParseScriptNamesTheLine: each error says where, what stands there and what to write in its place.
func TestParseScriptNamesTheLine(t *testing.T) {
	for line, want := range map[string]string{
		"at 1s":                           "write: at TIME ACT",
		"in 1s refuse":                    `"in" is no statement: use memory, cpus or at`,
		"at soon refuse":                  `"soon" is not a time`,
		"at -1s refuse":                   `"-1s" is not a time`,
		"at 100h refuse":                  "at most 24h0m0s",
		"at 1s dance":                     `"dance" is nothing that a host does: use grant`,
		"at 1s refuse all":                "write: at TIME refuse",
		"at 1s delay":                     "write: at TIME delay TIME",
		"at 1s delay 0s":                  "more than nothing",
		"at 1s limit":                     "write: at TIME limit memory SIZE vcpus N",
		"at 1s limit memory 64M memory 1": "write: at TIME limit",
		"at 1s limit memory 1M":           "starts with 64M and keeps it",
		"at 1s limit vcpus 0.5":           "guaranteed 1 vCPUs",
		"at 1s shrink 12Q":                `"12Q" is not a size: write it like 48M or 2G`,
		"at 1s shrink 1M":                 "starts with 64M and keeps it",
		"at 1s shrink 64M in 1s":          "write: at TIME shrink SIZE [within TIME]",
		"at 1s shrink 64M within 1us":     "whole milliseconds",
		"at 1s price -1":                  "not a whole number",
		"at 1s price 99999999999999":      "at most 1099511627776",
		"at 1s move in 1s":                "write: at TIME move [within TIME]",
		"at 1s stay within 2h":            "whole milliseconds, at most 1h0m0s",
		"at 1s steal 1001":                "1000 thousandths",
		"memory 64M":                      "write: memory MIN:MAX",
		"memory 1G:64M":                   "no more than the maximum",
		"memory 64M:9999999T":             "is not a size",
		"cpus 0:2":                        `"0" is not a number of vCPUs`,
		"cpus 3:2":                        "no more than the maximum",
	} {
		_, err := ParseScript("p.txt", strings.NewReader("# first\n"+line+"\nat 9s refuse\n"))
		var bad *ScriptError
		if !errors.As(err, &bad) || bad.Number != 2 || bad.Line != line || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "p.txt:2: ") {
			t.Errorf("%s: %v; want %q", line, err, want)
		}
	}
	for text, want := range map[string]string{
		"at 2s refuse\nat 1s grant": "p.txt:2: \"at 1s grant\": the step before it is at 2s",
		"at 2s refuse\ncpus 1:2":    "p.txt:2: \"cpus 1:2\": cpus stands before the first step",
	} {
		if _, err := ParseScript("p.txt", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestReadScript(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.txt")
	if _, err := ReadScript(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 1<<17)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadScript(path); err == nil || !strings.Contains(err.Error(), "after line 0") {
		t.Errorf("a line without an end: %v", err)
	}
}

// TestScriptCheck: a script made in Go is held to the same.
func TestScriptCheck(t *testing.T) {
	for want, s := range map[string]Script{
		"script: \"at 1s refuse\": the step before it is at 2s": {Steps: []Step{{2 * time.Second, Granting{}}, {time.Second, Refusing{}}}},
		"name an act":      {Steps: []Step{{time.Second, nil}}},
		"before the start": {Steps: []Step{{-time.Second, Refusing{}}}},
		"more than none":   {CPU: hvcall.CPUBounds{MaxMilli: 1000}},
	} {
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if err := (Script{}).Check(); err != nil {
		t.Error(err)
	}
}

// drawScript makes any script that a host can play.
func drawScript(t *rapid.T) Script {
	boot := rapid.Uint64Range(1, 1<<40).Draw(t, "boot")
	least := rapid.Uint32Range(1, 4000).Draw(t, "least")
	s := Script{Memory: hvcall.MemoryBounds{Boot: boot, Max: boot + rapid.Uint64Range(0, 1<<40).Draw(t, "more")},
		CPU: hvcall.CPUBounds{MinMilli: least, MaxMilli: least + rapid.Uint32Range(0, 4000).Draw(t, "wider")}}
	ms := func(from int, name string) time.Duration {
		return time.Duration(rapid.IntRange(from, 1000).Draw(t, name)) * time.Millisecond
	}
	at := time.Duration(0)
	for range rapid.IntRange(0, 8).Draw(t, "steps") {
		at += ms(0, "at")
		s.Steps = append(s.Steps, Step{at, rapid.OneOf(
			rapid.Just[Act](Granting{}), rapid.Just[Act](Refusing{}), rapid.Just[Act](Delaying{ms(1, "by")}),
			rapid.Just[Act](Limiting{Memory: boot + 1}), rapid.Just[Act](Limiting{MilliCPU: least}),
			rapid.Just[Act](Shrinking{To: boot, Within: ms(0, "within")}), rapid.Just[Act](Pricing{rapid.Uint64Range(0, hvcall.MaxPrice).Draw(t, "price")}),
			rapid.Just[Act](Moving{Within: ms(0, "prepare"), Stays: rapid.Bool().Draw(t, "stays")}),
			rapid.Just[Act](Stealing{rapid.Uint32Range(0, 1000).Draw(t, "steal")}),
		).Draw(t, "act")})
	}
	return s
}

// TestScriptText: what a script is written as is read as the same script.
func TestScriptText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScript(t)
		got, err := ParseScript("", strings.NewReader(s.String()))
		if diff := cmp.Diff(s, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s\n%s", err, s, diff)
		}
	})
}

// TestScriptPlays: each act comes in its time, and the newest demand is answered anew without being repeated.
func TestScriptPlays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := ParseScript("pressure", strings.NewReader(pressure))
		if err != nil {
			t.Fatal(err)
		}
		var tale bytes.Buffer
		g, host := guestOf(t, HostConfig{Script: s, Tell: &tale})
		if w, err := g.SayHello(t.Context()); err != nil || w.Memory != s.Memory || w.CPU != s.CPU || w.Grant.Memory != 64*mib {
			t.Fatalf("welcome %+v, %v", w, err)
		}
		start := time.Now()
		holds := func(at time.Duration, memory uint64, milli uint32, limit hvcall.Limit) {
			t.Helper()
			time.Sleep(time.Until(start.Add(at)))
			synctest.Wait()
			if h := g.Holding(); h.Memory != memory*mib || h.MilliCPU != milli || h.Limit != limit {
				t.Errorf("at %v the guest holds %d MiB, %d, %v; want %d, %d, %v", at, h.Memory/mib, h.MilliCPU, h.Limit, memory, milli, limit)
			}
		}
		demand(t, g, 256*mib, 2000)
		holds(0, 256, 2000, hvcall.LimitNone)
		time.Sleep(1100 * time.Millisecond)
		demand(t, g, 512*mib, 2000)
		holds(1200*time.Millisecond, 256, 2000, hvcall.LimitHost)
		holds(2*time.Second, 96, 2000, hvcall.LimitReclaim)
		if got := host.Now(); got.Within != 500 {
			t.Errorf("within %d ms", got.Within)
		}
		holds(3*time.Second, 512, 2000, hvcall.LimitNone)
		holds(4*time.Second, 128, 1000, hvcall.LimitReclaim)
		holds(5*time.Second, 128, 1000, hvcall.LimitHost)
		if got := host.Now(); got.Price != 2000000 {
			t.Errorf("price %d", got.Price)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if st, _ := g.Steals.Last(); st.Taken != 250 {
			t.Errorf("steal %+v", st)
		}
		for _, want := range []string{"silo   0.000s  demands 256 MiB and 2 vCPUs", "granted 96 MiB and 2 vCPUs: the host wants memory back", "script: steal 250"} {
			if !strings.Contains(tale.String(), want) {
				t.Errorf("not told: %q in\n%s", want, &tale)
			}
		}
	})
}

// TestScriptDelays: growth waits, and what is taken back does not; nothing that was decided before undoes it later.
func TestScriptDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{Script: Script{Steps: []Step{
			{0, Delaying{2 * time.Second}}, {3 * time.Second, Shrinking{To: 128 * mib}},
		}}})
		if _, err := g.SayHello(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		demand(t, g, 256*mib, 1000)
		time.Sleep(1999 * time.Millisecond)
		if now := host.Now(); now.Memory != 64*mib {
			t.Errorf("granted %d too soon", now.Memory)
		}
		time.Sleep(501 * time.Millisecond)
		demand(t, g, 1024*mib, 1000) // would be granted after the shrink
		time.Sleep(time.Second)
		if now := host.Now(); now.Memory != 128*mib || now.Limit != hvcall.LimitReclaim {
			t.Errorf("after the shrink %+v", now)
		}
		time.Sleep(10 * time.Second)
		if now := host.Now(); now.Memory != 128*mib {
			t.Errorf("a late answer undid the shrink: %+v", now)
		}
	})
}

// TestDo: an act between a demand and its answer is not undone by the answer.
func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{})
		if _, err := g.SayHello(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := host.Do(Shrinking{To: 128 * mib}); err != nil {
			t.Fatal(err)
		}
		demand(t, g, 512*mib, 1000)
		synctest.Wait()
		if g.Holding().Memory != 128*mib {
			t.Errorf("holds %+v", g.Holding())
		}
		var bad *ScriptError
		if err := host.Do(Shrinking{To: mib}); !errors.As(err, &bad) {
			t.Errorf("below what is guaranteed: %v", err)
		}
	})
}

// TestScriptMoves: a guest hears of a move, and of its end; the host goes on answering meanwhile.
func TestScriptMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tale bytes.Buffer
		g, host := guestOf(t, HostConfig{Tell: &tale, Script: Script{Steps: []Step{
			{time.Second, Moving{Within: 300 * time.Millisecond}}, {3 * time.Second, Moving{Stays: true}},
		}}})
		if _, err := g.SayHello(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		want := []hvcall.Migrate{{Phase: hvcall.PhasePrepare, WithinMS: 300}, {Phase: hvcall.PhaseArrived},
			{Phase: hvcall.PhasePrepare, WithinMS: 1000}, {Phase: hvcall.PhaseCancelled}}
		if diff := cmp.Diff(want, g.Migrates.All()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]Moved{{}, {Stays: true}}, host.Moves.All()); diff != "" {
			t.Error(diff)
		}
		for _, want := range []string{"script: move within 300ms", "prepared for the move in 0s; is elsewhere now", "stays, after all"} {
			if !strings.Contains(tale.String(), want) {
				t.Errorf("not told: %q in\n%s", want, &tale)
			}
		}
	})
}

func TestOverruns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, host := guestOf(t, HostConfig{})
		if _, err := g.SayHello(t.Context()); err != nil {
			t.Fatal(err)
		}
		uses := func(n uint64) {
			t.Helper()
			if err := g.Conn().SendUsage(hvcall.Usage{Application: n * mib}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		uses(64)
		uses(65)
		uses(66)                    // the same one
		demand(t, g, 256*mib, 1000) // it is over
		synctest.Wait()
		uses(200)
		host.Shrink(64*mib, 3*time.Second)
		uses(200) // it has time
		time.Sleep(4 * time.Second)
		uses(100)
		want := []Overrun{{65 * mib, 64 * mib}, {100 * mib, 64 * mib}}
		if diff := cmp.Diff(want, host.Overruns.All()); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseScript(f *testing.F) {
	f.Add(pressure)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScript("f", strings.NewReader(text))
		if err != nil {
			return
		}
		if err := s.Check(); err != nil {
			t.Fatalf("read, and yet %v:\n%s", err, text)
		}
	})
}
