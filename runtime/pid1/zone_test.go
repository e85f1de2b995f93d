package pid1

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPlaceZone(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip")
	for _, c := range []struct{ tz, file, err string }{
		{"", "", ""}, {"UTC", "", ""}, {"/etc/zone", "", ""},
		{"Europe/Berlin", "Europe/Berlin", ""}, {":Asia/Tokyo", "Asia/Tokyo", ""},
		{"Europe/Atlantis", "", "find time zone TZ=Europe/Atlantis"}, {"../../etc/passwd", "", "find time zone"},
	} {
		dir := t.TempDir()
		err := placeZone([]string{"A=B", "TZ=" + c.tz}, archive, dir)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("TZ=%s: error %v, want %q", c.tz, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("TZ=%s: %v", c.tz, err)
		}
		if c.file == "" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, c.file))
		if err != nil {
			t.Error(err)
		}
		if _, err := time.LoadLocationFromTZData(c.file, data); err != nil {
			t.Errorf("TZ=%s: %v", c.tz, err)
		}
	}
	if err := placeZone(nil, "/absent", t.TempDir()); err != nil {
		t.Errorf("without TZ: %v", err)
	}
}
