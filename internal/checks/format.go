package checks

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Formatted checks that each Go file below dir is as gofmt would have it. Folders that hold no code of
// ours (out, testdata, those with a dot) are passed over.
func Formatted(dir string) Step {
	return Step{"gofmt", func(_ context.Context, out io.Writer) error {
		bad := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != dir && foreign(d.Name()):
				return filepath.SkipDir
			case d.IsDir() || filepath.Ext(path) != ".go":
				return nil
			}
			ok, err := formatted(path)
			if !ok && err == nil {
				bad++
				fmt.Fprintf(out, "%s is not formatted\n", path)
			}
			return err
		})
		if err == nil && bad > 0 {
			err = fmt.Errorf("%d files are not formatted: gofmt -w . mends them", bad)
		}
		return err
	}}
}

func foreign(name string) bool {
	return name == "out" || name == "testdata" || strings.HasPrefix(name, ".")
}

func formatted(path string) (bool, error) {
	have, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	want, err := format.Source(have)
	if err != nil {
		return false, fmt.Errorf("format %s: %w", path, err)
	}
	return bytes.Equal(have, want), nil
}
