package broker

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/silo-os/silo/hvcall"
)

var update = flag.Bool("update", false, "write what the broker answers into testdata/transcripts")

// TestTranscripts plays conversations and compares the broker's answers line by line. In a
// transcript a line "> MS EVENT…" is a Step at that millisecond with these events (several are
// separated by ";"), the lines below it are what comes out, and "#" is a remark. "> MS wake" also
// checks that the broker wanted to be woken then.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
				t.Errorf("-transcript +broker\n%s", d)
			}
		})
	}
}

// play returns the transcript with the broker's own answers.
func play(t *testing.T, transcript string) string {
	t.Helper()
	b := New(Config{Capacity: Capacity{Memory: 1024 << 20, MilliCPU: 2000}})
	var out strings.Builder
	for sc := bufio.NewScanner(strings.NewReader(transcript)); sc.Scan(); {
		line := sc.Text()
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			fmt.Fprintln(&out, line)
			continue
		}
		if !strings.HasPrefix(line, "> ") {
			continue // an answer: it is written anew
		}
		fmt.Fprintln(&out, line)
		now, events := parseStep(t, b, line)
		for _, a := range b.Step(now, events) {
			fmt.Fprintln(&out, "  "+a.String())
		}
		check(t, b)
	}
	return out.String()
}

func parseStep(t *testing.T, b *Broker, line string) (time.Duration, []Event) {
	t.Helper()
	ms, rest, _ := strings.Cut(strings.TrimPrefix(line, "> "), " ")
	n, err := strconv.Atoi(ms)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	now := time.Duration(n) * time.Millisecond
	var events []Event
	for part := range strings.SplitSeq(rest, ";") {
		words := strings.Fields(part)
		if words[0] == "nothing" {
			continue
		}
		if words[0] == "wake" {
			if at, ok := b.NextWake(); !ok || at != now {
				t.Errorf("%q: the broker wants to be woken at %v, %v", line, at, ok)
			}
			continue
		}
		events = append(events, parseEvent(t, words))
	}
	return now, events
}

// parseEvent reads an event's words: its name, the guest, then key=value with sizes in MiB.
func parseEvent(t *testing.T, words []string) Event {
	t.Helper()
	v := map[string]int64{}
	for _, w := range words[min(2, len(words)):] {
		key, val, _ := strings.Cut(w, "=")
		n, err := strconv.ParseInt(val, 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", w, err)
		}
		v[key] = n
	}
	id := GuestID(words[1])
	switch words[0] {
	case "add":
		return GuestAdded{id, Bounds{Boot: v["boot"] << 20, Min: v["min"] << 20, Max: v["max"] << 20,
			MinMilli: v["mincpu"], MaxMilli: v["maxcpu"], Weight: uint32(v["weight"])}}
	case "hello":
		return Connected{id}
	case "demand":
		return Demanded{id, hvcall.Demand{Revision: uint64(v["rev"]), Memory: uint64(v["mem"]) << 20, Floor: uint64(v["floor"]) << 20,
			MilliCPU: uint32(v["cpu"]), MilliCPUFloor: uint32(v["cpufloor"]), Applied: uint64(v["applied"]),
			Urgency: hvcall.Urgency(v["urgency"]), Reason: hvcall.Reason(v["reason"])}}
	case "applied":
		return Applied{id, uint64(v["serial"])}
	case "ran":
		return Ran{Guest: id, Used: v["used"], Steal: v["steal"], Wanted: v["wanted"]}
	case "plugged":
		return Plugged{id, uint64(v["op"]), v["mem"] << 20}
	case "plugging":
		return Plugging{id, uint64(v["op"]), v["mem"] << 20}
	case "failed":
		return ResizeFailed{id, uint64(v["op"]), "device not found"}
	case "gone":
		return GuestGone{id}
	case "used":
		return Used{id, v["idle"] << 20, v["resident"] << 20}
	case "bounds":
		return BoundsChanged{id, Bounds{Min: v["min"] << 20, Max: v["max"] << 20,
			MinMilli: v["mincpu"], MaxMilli: v["maxcpu"], Weight: uint32(v["weight"])}}
	case "peer":
		return PeerSeen{words[1], Room{Memory: v["mem"] << 20, MilliCPU: v["cpu"]}}
	case "capacity":
		return CapacityChanged{Capacity{Memory: v["mem"] << 20, Slush: v["slush"] << 20, MilliCPU: v["cpu"]}}
	}
	t.Fatalf("unknown event %q", words)
	return nil
}

// check fails the test unless all invariants hold.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, b *Broker) {
	t.Helper()
	if err := b.Check(); err != nil {
		t.Fatalf("%v\n%s", err, dump(b))
	}
}

func dump(b *Broker) string {
	out, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(out)
}
