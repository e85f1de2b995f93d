package images

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keptImages is how many images the cache keeps, some 20 MB each: enough for the versions
// and the examples that a person goes to and fro between.
const keptImages = 16

// inUse is how long an image stays whatever else is built: somebody may be about to start a guest from it.
const inUse = time.Hour

// pruneImages marks one image as used now and removes those whose use is longest ago, and long enough. What
// cannot be removed stays for the next time.
func pruneImages(root, used string) {
	now := time.Now()
	os.Chtimes(used, now, now)
	type image struct {
		dir  string
		used time.Time
	}
	var all []image
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() {
			all = append(all, image{filepath.Join(root, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b image) int { return b.used.Compare(a.used) })
	for _, i := range all[min(keptImages, len(all)):] {
		if now.Sub(i.used) > inUse {
			os.RemoveAll(i.dir)
		}
	}
}
