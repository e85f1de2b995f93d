package template

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultLimit is how much room templates take together, bytes on disk: some thirty of them.
const DefaultLimit = 1 << 30

const suffix = ".template"

// Store is a folder of templates. The zero Limit is DefaultLimit.
type Store struct {
	Dir   string
	Limit int64 // bytes on disk; whoever was used longest ago goes first
}

func (s Store) path(id Identity) string { return filepath.Join(s.Dir, id.Key()+suffix) }

// Open returns the template of an identity. It fails with fs.ErrNotExist where there is none, and
// with a *DamagedError where what is there is not usable.
func (s Store) Open(id Identity) (*Template, error) {
	f, err := os.Open(s.path(id))
	if err != nil {
		return nil, fmt.Errorf("open template: %w", err)
	}
	h, err := readHeader(f)
	if err == nil && !slices.Equal(h.Identity, id) {
		err = errors.New("it is of another machine")
	}
	if err != nil {
		f.Close()
		return nil, &DamagedError{Path: f.Name(), Err: err}
	}
	now := time.Now()
	_ = os.Chtimes(f.Name(), now, now) // of which only the order of going depends
	return &Template{Header: h, file: f}, nil
}

func readHeader(f *os.File) (Header, error) {
	info, err := f.Stat()
	if err != nil {
		return Header{}, err
	}
	b := make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Header{}, err
	}
	return decodeHeader(b[:n], info.Size())
}

// Remove throws the template of an identity away, if there is one.
func (s Store) Remove(id Identity) error {
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove template: %w", err)
	}
	return nil
}

func (s Store) limit() int64 { return cmp.Or(s.Limit, DefaultLimit) }

// prune removes what was used longest ago until what is left fits, with room for another of so many bytes.
func (s Store) prune(room int64) error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return fmt.Errorf("list templates: %w", err)
	}
	var kept []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), suffix) {
			kept, room = append(kept, info), room+onDisk(info)
		}
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range kept {
		if room <= s.limit() {
			break
		}
		if err := os.Remove(filepath.Join(s.Dir, info.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old template: %w", err)
		}
		room -= onDisk(info)
	}
	return nil
}

// DamagedError says that a template cannot be used. Whoever meets it removes the template.
type DamagedError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("template %s is damaged: %v", e.Path, e.Err)
}

// Unwrap returns what is wrong with it.
func (e *DamagedError) Unwrap() error { return e.Err }
