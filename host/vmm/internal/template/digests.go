package template

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// Digests are the digests of files, remembered: a start must not wait until tens of megabytes have been
// read and summed up once more. A file is known by its inode, size and times, which no writer can leave as they are.
type Digests struct{ Path string }

// mostDigests bounds the memory of them; when it is full it begins anew.
const mostDigests = 256

// Of returns the SHA-256 digest of a file's content, in hexadecimal.
func (d Digests) Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("sum up: %w", err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", fmt.Errorf("sum up %s: %w", path, err)
	}
	who := fmt.Sprint(st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim)
	known := d.recall()
	if sum, ok := known[who]; ok {
		return sum, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("sum up %s: %w", path, err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if len(known) >= mostDigests {
		clear(known)
	}
	known[who] = sum
	return sum, d.store(known)
}

// recall returns what is known; a file that cannot be read knows nothing.
func (d Digests) recall() map[string]string {
	known := map[string]string{}
	data, err := os.ReadFile(d.Path)
	if err != nil || json.Unmarshal(data, &known) != nil || known == nil {
		return map[string]string{}
	}
	return known
}

// store replaces the file; of two that do so at a time one is forgotten, which costs a reading.
func (d Digests) store(known map[string]string) error {
	data, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return fmt.Errorf("store digests: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(d.Path), 0o700); err != nil {
		return fmt.Errorf("store digests: %w", err)
	}
	if err := renameio.WriteFile(d.Path, data, 0o600); err != nil {
		return fmt.Errorf("store digests: %w", err)
	}
	return nil
}
