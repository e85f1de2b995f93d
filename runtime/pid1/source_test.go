package pid1

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestSourceIsReadAnew: each reading is what the file holds then, whole, however long it has become.
func TestSourceIsReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("first, and longer"))
	s, err := openSource(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]byte{[]byte("first, and longer"), []byte("then"), bytes.Repeat([]byte("0123456789"), sourceSize), {}, []byte("last")} {
		write(want)
		if got, err := s.read(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %d bytes, %v, want %d", len(got), err, len(want))
		}
		if got, err := s.readAll(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("read all: %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	if _, err := openSource(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was opened")
	}
}

// TestSourceOfManyRecords: what the kernel gives in pieces is put together, at each reading.
func TestSourceOfManyRecords(t *testing.T) {
	s, err := openSource("/proc/zoneinfo")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := s.readAll()
		if err != nil {
			t.Fatal(err)
		}
		if pages, err := parseKept(b); err != nil || pages == 0 {
			t.Errorf("%d pages in %d bytes: %v", pages, len(b), err)
		}
	}
}

// TestReadingsAllocateNothing: they are made many times a second in a process that should touch no new memory.
func TestReadingsAllocateNothing(t *testing.T) {
	load, err := openSource("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		b, err := load.read()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseRunnable(b); err != nil {
			t.Fatal(err)
		}
		if _, err := readMemory(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations in a reading of a file and the memory", n)
	}
	pressure := []byte("some avg10=1.53 avg60=0.87 avg300=0.00 total=58761459\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n")
	zones := []byte("Node 0, zone   Normal\n        low      625\n        protection: (0, 1536)\n")
	stat := []byte("oom_kill_disable 1\nunder_oom 1\noom_kill 3\ntotal_inactive_file 8192\n")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := parsePressure(pressure); err != nil {
			t.Fatal(err)
		}
		if _, err := parseKept(zones); err != nil {
			t.Fatal(err)
		}
		if st := parseOOM(stat); !st.waiting || st.kills != 3 {
			t.Fatal(st)
		}
		if n, ok := statField(stat, "total_inactive_file"); !ok || n != 8192 {
			t.Fatal(n, ok)
		}
	}); n > 0 {
		t.Errorf("%v allocations in parsing", n)
	}
}

func TestNumber(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "42": 42, "9223372036854775799": 1<<63 - 9, "007": 7} {
		if n, ok := number([]byte(s)); !ok || n != want {
			t.Errorf("%q: %d, %v", s, n, ok)
		}
	}
	for _, bad := range []string{"", "-1", "1 ", "x", "99999999999999999999"} {
		if n, ok := number([]byte(bad)); ok {
			t.Errorf("%q is taken for %d", bad, n)
		}
	}
}
