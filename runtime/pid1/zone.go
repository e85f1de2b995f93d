package pid1

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	// zonesArchive has all time zones in one file. Go programs that are asked for a zone by name read it
	// where the variable ZONEINFO says so.
	zonesArchive = "/usr/share/zoneinfo.zip"

	// zonesFolder is where the zone of the variable TZ is looked up, for which Go does not ask ZONEINFO.
	zonesFolder = "/usr/share/zoneinfo"
)

// placeZone puts the zone that TZ names where programs look for it. A name that is no zone is an error: the program
// would take it for UTC without a word.
func placeZone(env []string, archive, folder string) error {
	var name string
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "TZ="); ok {
			name = strings.TrimPrefix(v, ":")
			break
		}
	}
	if name == "" || name == "UTC" || filepath.IsAbs(name) {
		return nil
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err == nil {
		return nil // the image has its own
	}
	data, err := readZone(archive, name)
	if err != nil {
		return fmt.Errorf("find time zone TZ=%s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("place time zone %s: %w", name, err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("place time zone %s: %w", name, err)
	}
	return nil
}

func readZone(archive, name string) ([]byte, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
