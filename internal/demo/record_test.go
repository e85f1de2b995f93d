package demo

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const twoStanzas = `Package: 0ad
Version: 0.0.26-3
Architecture: amd64
Description: Real-time strategy game
Tag: game::strategy, role::program,
 Package: a line that goes on is no field
Maintainer: Gésar

Package: 0ad-data
Version: 1:2.0
Architecture: all
`

func TestParseRecords(t *testing.T) {
	got, err := ParseRecords([]byte(twoStanzas + "\n\n" + twoStanzas))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, r := range got {
		keys = append(keys, r.Key)
	}
	want := []string{"pkg:0ad_0.0.26-3_amd64", "pkg:0ad-data_1:2.0_all", "pkg:0ad_0.0.26-3_amd64#2", "pkg:0ad-data_1:2.0_all#2"}
	if !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	if v := string(got[0].Value); !strings.HasPrefix(v, "Package: 0ad\n") || !strings.HasSuffix(v, "Gésar") {
		t.Errorf("value %q", v)
	}
}

func TestParseRecordsRefused(t *testing.T) {
	if _, err := ParseRecords([]byte(twoStanzas + "\n\nVersion: 3\n")); err == nil || !strings.Contains(err.Error(), `"Version: 3"`) {
		t.Errorf("a stanza without a name: %v", err)
	}
	for _, empty := range []string{"", "\n", "\n\n\n"} {
		if r, err := ParseRecords([]byte(empty)); len(r) != 0 || err != nil {
			t.Errorf("%q: %v, %v", empty, r, err)
		}
	}
}

// TestParseRecordsKeepsAll: whatever the stanzas, each comes once, whole, under a key of its own.
func TestParseRecordsKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stanzas := rapid.SliceOf(rapid.StringMatching(`Package: [a-c]\n(Version: [12]\n)?(Text: [ -~\x{80}-\x{2ff}]{0,30}\n)?`)).Draw(t, "stanzas")
		got, err := ParseRecords([]byte(strings.Join(stanzas, "\n")))
		if err != nil || len(got) != len(stanzas) {
			t.Fatalf("%d of %d records, %v", len(got), len(stanzas), err)
		}
		keys := map[string]bool{}
		for i, r := range got {
			keys[r.Key] = true
			if !bytes.Equal(r.Value, []byte(strings.TrimSuffix(stanzas[i], "\n"))) {
				t.Fatalf("record %d is %q, want %q", i, r.Value, stanzas[i])
			}
		}
		if len(keys) != len(got) {
			t.Fatalf("%d keys for %d records", len(keys), len(got))
		}
	})
}
