package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Defaults of the kernel's source.
const (
	defaultSource = "/usr/src/linux-source-6.1.tar.xz"
	sourcePackage = "linux-source-6.1"
)

// seenSource is what the cache remembers of a source archive, so that its 130 MB are read
// once and not at every start. The digest holds while size and time of change do.
type seenSource struct {
	Size    int64  `json:"size"`
	ModTime int64  `json:"mtime_ns"`
	Digest  string `json:"digest"`
}

// sourceDigest returns the SHA-256 of the archive at path. A missing archive is an error
// that satisfies errors.Is(err, fs.ErrNotExist).
func sourceDigest(cache, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read kernel source: %w", err)
	}
	memo := filepath.Join(kernelsDir(cache), "sources.json")
	seen := map[string]seenSource{}
	if data, err := os.ReadFile(memo); err == nil {
		json.Unmarshal(data, &seen) // a damaged memory is an empty one
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("read kernel source: %w", err)
	}
	now := seenSource{Size: info.Size(), ModTime: info.ModTime().UnixNano()}
	if s := seen[abs]; s.Size == now.Size && s.ModTime == now.ModTime && s.Digest != "" {
		return s.Digest, nil
	}
	if now.Digest, err = fileDigest(path); err != nil {
		return "", fmt.Errorf("read kernel source: %w", err)
	}
	if seen == nil {
		seen = map[string]seenSource{}
	}
	seen[abs] = now
	return now.Digest, writeJSON(memo, seen)
}

// fileDigest returns the SHA-256 of a file, in hexadecimal.
func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeJSON writes a value as a file, whole or not at all, and makes its folder.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := renameio.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
