package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
)

// kernelFlags are given to the compiler for every file of the kernel. The strategy makes it
// call memset and memcpy, of which the kernel has one for every processor, where it would
// put a loop of single bytes into code that it takes for cold: under emulation those loops
// took 30 ms of a profiled boot's 860, and 360 of 1540 when all was optimised for size.
//
// The first level of optimization, with those of the second's that a kernel lives on, takes a fifth less time for a
// file than the second. Without copies of functions for constant arguments (ipa-cp) calls stay that the kernel counts on
// being optimized away, and it does not link. The warnings are left to those who write the kernel.
const kernelFlags = "-mstringop-strategy=libcall -O1 -finline-small-functions -fpartial-inlining -foptimize-sibling-calls" +
	" -fipa-cp -fno-tree-slsr -w"

// recipe is everything that decides what kernel comes out of a build.
type recipe struct {
	Source   string `json:"source"`   // SHA-256 of the archive
	Config   string `json:"config"`   // SHA-256 of fragments, patches and flags
	Compiler string `json:"compiler"` // first lines of what compiler and linker say of themselves
}

// key names the kernel of a recipe in the cache.
func (r recipe) key() string {
	return shortDigest([]byte(r.Source + "\n" + r.Config + "\n" + r.Compiler))
}

// shortDigest names something in the cache by what it is made of.
func shortDigest(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:8])
}

// configDigest is the digest of all files that make a kernel silo's.
func configDigest(fsys fs.FS) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "flags %s\n", kernelFlags)
	err := fs.WalkDir(fsys, "kernel", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		fmt.Fprintf(h, "%s %d\n%s\n", path, len(text), text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read kernel fragments: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// compilerVersion returns what gcc and ld say of themselves. Another compiler makes another
// kernel from the same source.
func compilerVersion(ctx context.Context) (string, error) {
	var lines []string
	for _, tool := range []string{"gcc", "ld"} {
		out, err := exec.CommandContext(ctx, tool, "--version").Output()
		if err != nil {
			return "", fmt.Errorf("ask %s for its version: %w", tool, err)
		}
		first, _, _ := strings.Cut(string(out), "\n")
		lines = append(lines, first)
	}
	return strings.Join(lines, "; "), nil
}
