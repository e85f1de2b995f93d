package moments

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

type moment struct {
	At int `json:"at"`
}

func TestWhatIsRecordedIsRead(t *testing.T) {
	var b bytes.Buffer
	r := Recorder[moment]{W: &b}
	want := []moment{{1}, {2}, {3}}
	for _, m := range want {
		if err := r.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "traces", "a.jsonl")
	if err := Save(path, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got, err := Read[moment](path); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, %v", got, err)
	}
}

type full struct{ tried int }

func (f *full) Write([]byte) (int, error) { f.tried++; return 0, fs.ErrInvalid }

func TestRecordingEndsWithTheFirstError(t *testing.T) {
	w := &full{}
	r := Recorder[moment]{W: w}
	if err := r.Add(moment{1}); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("first: %v", err)
	}
	if err := r.Add(moment{2}); err != nil || w.tried != 1 {
		t.Errorf("second: %v, tried %d times", err, w.tried)
	}
}

func TestBadTraces(t *testing.T) {
	if _, err := Read[moment]("/no/such/trace"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "a.jsonl")
	if err := os.WriteFile(path, []byte("{}\n{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read[moment](path); err == nil {
		t.Error("half a line was read")
	}
}
