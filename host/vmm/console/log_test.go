package console_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/silo-os/silo/host/vmm/console"
	"pgregory.net/rapid"
)

func TestPlain(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"plain", "[    0.1] Linux\tversion", "[    0.1] Linux\tversion"},
		{"carriage return", "ready\r", "ready"},
		{"colour", "\x1b[1;31mred\x1b[0m", "red"},
		{"firmware", "\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS", "SeaBIOS"},
		{"title", "\x1b]0;evil\x07after", "after"},
		{"title ended by ST", "\x1b]0;evil\x1b\\after", "after"},
		{"unfinished title", "\x1b]52;c;ZXZpbA==", ""},
		{"device control", "\x1bP1$r\x1b\\x", "x"},
		{"lone escape", "a\x1b", "a"},
		{"c1 control", "a\u009b31mb", "a31mb"},
		{"bidi override", "a\u202eb", "ab"},
		{"nul and bell", "a\x00\x07b", "ab"},
		{"not utf-8", "a\xffb", "a\uFFFDb"},
	}
	for _, tt := range tests {
		if got := console.Plain([]byte(tt.raw)); got != tt.want {
			t.Errorf("%s: %q becomes %q, want %q", tt.name, tt.raw, got, tt.want)
		}
	}
}

func TestLines(t *testing.T) {
	var copied bytes.Buffer
	l := &console.Log{CopyTo: &copied}
	for _, part := range []string{"fir", "st\nsec", "ond\n", "\n", "unfini", "shed"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("write = %d, %v", n, err)
		}
	}
	want := []string{"first", "second", ""}
	if got := l.Tail(); !slices.Equal(got, want) {
		t.Errorf("tail = %q, want %q", got, want)
	}
	l.Flush()
	l.Flush()
	if got := l.Tail(); !slices.Equal(got, append(want, "unfinished")) {
		t.Errorf("tail after flush = %q", got)
	}
	if copied.String() != "first\nsecond\n\nunfinished\n" {
		t.Errorf("copied %q", copied.String())
	}
}

func TestOldestLinesGo(t *testing.T) {
	l := &console.Log{}
	for i := range 3*console.MaxLines + 7 {
		fmt.Fprintf(l, "%d\n", i)
	}
	tail := l.Tail()
	if len(tail) != console.MaxLines || tail[0] != "407" || tail[console.MaxLines-1] != "606" {
		t.Errorf("%d lines from %s to %s", len(tail), tail[0], tail[len(tail)-1])
	}
}

type brokenWriter struct{ writes int }

func (w *brokenWriter) Write([]byte) (int, error) {
	w.writes++
	return 0, errors.New("disk full")
}

func TestCopyFails(t *testing.T) {
	w := &brokenWriter{}
	l := &console.Log{CopyTo: w}
	fmt.Fprint(l, "a\nb\nc\n")
	if w.writes != 1 || len(l.Tail()) != 3 {
		t.Errorf("%d writes and %q, want one write and all lines", w.writes, l.Tail())
	}
}

// Whatever is written, in whatever pieces: what comes out is bounded and safe, and does
// not depend on the pieces.
func TestHostile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.SampledFrom([]byte("ab\n\x1b[]0;m\x07\\P\x00\xc2\x9b\xe2\x80\xae\xff")), 0, 5000).Draw(t, "data")
		whole, pieces := &console.Log{}, &console.Log{}
		whole.Write(data)
		for rest := data; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces.Write(rest[:n])
			rest = rest[n:]
		}
		whole.Flush()
		pieces.Flush()
		if !slices.Equal(whole.Tail(), pieces.Tail()) {
			t.Fatal("the pieces show")
		}
		for _, line := range whole.Tail() {
			unsafe := strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
			// An invalid byte becomes a replacement of three.
			if unsafe || !utf8.ValidString(line) || len(line) > 3*console.MaxLineSize {
				t.Fatalf("line %q", line)
			}
		}
	})
}
