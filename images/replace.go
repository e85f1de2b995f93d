package images

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replaceDir moves a finished folder to its place in the cache in one step, so that nobody
// ever sees half of it. What stood there is removed. Its files reach the disk first.
func replaceDir(from, to string) error {
	if err := syncDir(from); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("replace %s: %w", to, err)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// syncDir waits until the files of a folder are on the disk.
func syncDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
