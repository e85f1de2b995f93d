package vmm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestBootFirst(t *testing.T) {
	const boot, other = 64 << 20, 128 << 20
	for name, c := range map[string]struct {
		sizes  [2]int64
		sealed [2]bool
		first  bool
		alike  bool
	}{
		"by size":              {sizes: [2]int64{boot, other}, first: true},
		"by size, second":      {sizes: [2]int64{other, boot}, sealed: [2]bool{true, true}},
		"by seal":              {sizes: [2]int64{boot, boot}, sealed: [2]bool{true, false}, first: true},
		"by seal, second":      {sizes: [2]int64{boot, boot}, sealed: [2]bool{false, true}},
		"alike, both sealed":   {sizes: [2]int64{boot, boot}, sealed: [2]bool{true, true}, alike: true},
		"alike, neither":       {sizes: [2]int64{boot, boot}, alike: true},
		"neither has its size": {sizes: [2]int64{other, 2 * other}, sealed: [2]bool{true, false}, alike: true},
	} {
		t.Run(name, func(t *testing.T) {
			first, err := bootFirst(c.sizes, c.sealed, boot)
			if first != c.first || errors.Is(err, errAlike) != c.alike || !c.alike && err != nil {
				t.Errorf("%t, %v", first, err)
			}
		})
	}
}

// TestMappedWrite: a run that spans two pieces is written into both; what is mapped nowhere is refused.
func TestMappedWrite(t *testing.T) {
	memory, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	m := mapped{memory: memory, parts: []part{{at: 0, size: 4, addr: 100}, {at: 4, size: 4, addr: 50}}}
	if n, err := m.WriteAt([]byte("abcd"), 2); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	got := make([]byte, 104)
	if _, err := memory.ReadAt(got, 0); err != nil || !bytes.Equal(got[102:104], []byte("ab")) || !bytes.Equal(got[50:52], []byte("cd")) {
		t.Errorf("%q, %v", got, err)
	}
	if n, err := m.WriteAt([]byte("abcd"), 6); n != 2 || err == nil {
		t.Errorf("behind the end: %d, %v", n, err)
	}
}

// TestOpenMemoryFile: what is no memory is not opened.
func TestOpenMemoryFile(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, path := range []string{file.Name(), "/dev/null", t.TempDir(), "/nonexistent"} {
		if f, err := openMemoryFile(path); err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
		}
	}
	f, err := memoryFile(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	same, err := openMemoryFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	same.Close()
}
