package template

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestDigests(t *testing.T) {
	dir := t.TempDir()
	d := Digests{Path: filepath.Join(dir, "cache", "digests.json")}
	file := filepath.Join(dir, "kernel")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(content string) {
		t.Helper()
		got, err := d.Of(file)
		if want := fmt.Sprintf("%x", sha256.Sum256([]byte(content))); got != want || err != nil {
			t.Errorf("digest of %q: %s, %v", content, got, err)
		}
	}
	write("one")
	check("one")
	check("one")
	if got := len(d.recall()); got != 1 {
		t.Errorf("%d digests are known", got)
	}
	write("another")
	check("another")
	for name, broken := range map[string]string{"no JSON": "{", "another type": "[1]", "null": "null", "empty": ""} {
		if err := os.WriteFile(d.Path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		check("another")
	}
	if _, err := d.Of(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestDigestsForget: the memory is bounded.
func TestDigestsForget(t *testing.T) {
	d := Digests{Path: filepath.Join(t.TempDir(), "digests.json")}
	full := map[string]string{}
	for i := range mostDigests {
		full[fmt.Sprint(i)] = "x"
	}
	if err := d.store(full); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Of(d.Path); err != nil {
		t.Fatal(err)
	}
	if got := len(d.recall()); got != 1 {
		t.Errorf("%d digests are known", got)
	}
}
