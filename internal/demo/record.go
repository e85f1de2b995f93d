package demo

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Record is one stanza of the package index under a key of its own.
type Record struct {
	Key   string // pkg:NAME_VERSION_ARCHITECTURE, as the package's file is named
	Value []byte // the stanza as it came, without the line breaks around it
}

// ParseRecords takes an index apart at its blank lines, as `apt-cache dumpavail` prints it. A key that
// comes again gets a number, so that keys are unique. A stanza without a name is an error. The values
// alias index.
func ParseRecords(index []byte) ([]Record, error) {
	var records []Record
	seen := map[string]int{}
	for stanza := range bytes.SplitSeq(index, []byte("\n\n")) {
		stanza = bytes.Trim(stanza, "\n")
		if len(stanza) == 0 {
			continue
		}
		key, err := keyOf(stanza)
		if err != nil {
			return nil, err
		}
		if seen[key]++; seen[key] > 1 {
			key = fmt.Sprintf("%s#%d", key, seen[key])
		}
		records = append(records, Record{key, stanza})
	}
	return records, nil
}

// keyOf names a stanza by the three fields that make it unique.
func keyOf(stanza []byte) (string, error) {
	fields := map[string]string{}
	for line := range strings.Lines(string(stanza)) {
		if name, value, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, " ") {
			fields[name] = strings.TrimSpace(value)
		}
	}
	if fields["Package"] == "" {
		return "", fmt.Errorf("read package index: a stanza has no package name: %.80q", stanza)
	}
	return "pkg:" + fields["Package"] + "_" + fields["Version"] + "_" + fields["Architecture"], nil
}

// packageIndex reads the machine's own index.
func packageIndex(ctx context.Context) ([]Record, error) {
	cmd := exec.CommandContext(ctx, "apt-cache", "dumpavail")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("read package index: apt-cache dumpavail: %w", err)
	}
	records, err := ParseRecords(out)
	if err != nil {
		return nil, err
	}
	if len(records) < minRecords {
		return nil, fmt.Errorf("read package index: only %d packages are known, at least %d are needed; run: apt-get update",
			len(records), minRecords)
	}
	return records, nil
}

// minRecords is how many records make the run worth its name. Debian 12 has more than 60,000.
const minRecords = 10_000
