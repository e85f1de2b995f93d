package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/mkuimage/cpio"
)

func TestJudgeBoot(t *testing.T) {
	times := bootTimes{
		template: siloTimes{main: []float64{0.8, 0.9, 1.0}}, cold: siloTimes{hello: []float64{0.5, 0.6, 0.7}, main: []float64{1.2, 1.5, 1.25}},
		saving: siloTimes{main: []float64{1.5, 1.4, 1.6}}, stock: []float64{4, 3, 5}, templateBytes: 30 << 20,
	}
	trips := make([]time.Duration, 101)
	for i := range trips {
		trips[i] = time.Duration(i) * 10 * time.Microsecond
	}
	got, err := judgeBoot("linux-image-x", times, trips, []float64{41, 39, 38})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Result{
		{Bar: "boot.main_ratio", Value: 0.225, Limit: 0.25, OK: true, Median: 0.2, Min: 0.2, Max: 0.3, N: 3},
		{Bar: "boot.main_s", Value: 0.9, Limit: 1, OK: true, Median: 0.9, Min: 0.8, Max: 1, N: 3},
		{Bar: "boot.cold_ratio", Value: 0.3125, Limit: 0.25, Median: 0.3, Min: 0.25, Max: 0.5, N: 3},
		{Bar: "boot.cold_s", Value: 1.25, Limit: 1, Median: 1.25, Min: 1.2, Max: 1.5, N: 3},
		{Bar: "boot.rtt_p50_us", Value: 500, Limit: 500, OK: true, Median: 500, Min: 0, Max: 1000, N: 101},
		{Bar: "boot.idle_resident_mib", Value: 39, Limit: 40, OK: true, Median: 39, Min: 38, Max: 41, N: 3},
	} {
		r := got[i]
		if r.Better != Lower || r.Unit == "" {
			t.Errorf("%s: %+v", want.Bar, r)
		}
		r.Better, r.Unit, r.Note = "", "", ""
		if r != want {
			t.Errorf("got  %+v\nwant %+v", r, want)
		}
	}
	for bar, note := range map[int]string{0: "linux-image-x", 1: "30.0 MiB, took median 1.500 s, 0.250 s more", 3: "Hello answered: median 0.600 s", 4: "p99 990 µs", 5: "48M:256M"} {
		if !strings.Contains(got[bar].Note, note) {
			t.Errorf("%s: the note lacks %q: %s", got[bar].Bar, note, got[bar].Note)
		}
	}
	if _, err := judgeBoot("x", times, nil, []float64{1}); err == nil {
		t.Error("a measurement that is missing made a row")
	}
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListener("hello: serving")
		never := make(chan struct{})
		start := time.Now()
		go func() {
			for _, piece := range []string{"[    0.000000] Linux\nhel", "lo: ser", "ving on :8080\n", "hello: serving again\n"} {
				time.Sleep(time.Second)
				l.Write([]byte(piece))
			}
		}()
		if at, err := l.wait(t.Context(), never); err != nil || at.Sub(start) != 3*time.Second {
			t.Errorf("heard after %v, %v", at.Sub(start), err)
		}
		if got := l.last(); !strings.Contains(got, "Linux\\nhello: serving") {
			t.Errorf("the last words are %s", got)
		}
		deaf := newListener("x")
		gone := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(gone) })
		if _, err := deaf.wait(t.Context(), gone); !errors.Is(err, errGone) {
			t.Errorf("a guest that ended: %v", err)
		}
		if _, err := deaf.wait(t.Context(), never); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a guest that says nothing: %v", err)
		}
	})
}

// TestStockArgs: the same machine, and nothing that belongs to silo's kernel.
func TestStockArgs(t *testing.T) {
	args := strings.Join(subject{stockHost: stockHost{stock: "/bzImage", accel: "tcg"}, stockInitrd: "/hello.cpio"}.stockArgs(), " ")
	for _, want := range []string{"-append " + stockCmdline, "-kernel /bzImage", "-initrd /hello.cpio", "-cpu max,-erms,-fsrm", "virtio-mem-pci", "-smp 2"} {
		if !strings.Contains(args, want) {
			t.Errorf("the command line lacks %q: %s", want, args)
		}
	}
	if strings.Contains(args, "noreplace-smp") {
		t.Errorf("the stock kernel is told what silo's is: %s", args)
	}
}

func TestParseDepends(t *testing.T) {
	got, err := parseDepends("linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n  Suggests: x\n")
	if err != nil || got != "linux-image-6.1.0-56-cloud-amd64" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "linux-image-cloud-amd64\n  Depends: libc6\n"} {
		if got, err := parseDepends(bad); err == nil || !strings.Contains(err.Error(), "apt-get update") {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

// pack makes an archive with one file.
func pack(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	records := []cpio.Record{cpio.Directory("app", 0o755), cpio.StaticFile(name, content, 0o755)}
	if err := errors.Join(cpio.WriteRecords(w, records), cpio.WriteTrailer(w)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAsInit(t *testing.T) {
	plain := pack(t, appPath, "the program")
	squeezed, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string][]byte{"plain": plain, "zstd": squeezed.EncodeAll(plain, nil)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
			if err := os.WriteFile(from, archive, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := asInit(from, to); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(to)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			records, err := cpio.ReadAllRecords(cpio.Newc.Reader(f))
			if err != nil {
				t.Fatal(err)
			}
			modes := map[string]uint64{}
			var program strings.Builder
			for _, r := range records {
				modes[r.Name] = r.Mode
				if r.Name == "init" {
					b := make([]byte, r.FileSize)
					if _, err := r.ReadAt(b, 0); err != nil {
						t.Fatal(err)
					}
					program.Write(b)
				}
			}
			if program.String() != "the program" || modes["init"]&0o777 != 0o755 || modes["dev/console"] == 0 {
				t.Errorf("packed %q, modes %v", &program, modes)
			}
		})
	}
}

func TestAsInitRefused(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	if err := os.WriteFile(from, pack(t, "app/other", ""), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{from, filepath.Join(dir, "nothing")} {
		if err := asInit(path, filepath.Join(dir, "to")); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
