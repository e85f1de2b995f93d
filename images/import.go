package images

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// Import brings an image into the cache that fetch writes into an empty folder: from elsewhere, so that nothing of it is
// believed before it was held against its manifest. cache "" is the user's. What is no image, or a damaged one, is a *[DamagedError];
// nothing is left of it.
func Import(ctx context.Context, cache string, fetch func(dir string) error) (*Image, error) {
	cache, err := cacheRoot(cache)
	if err != nil {
		return nil, err
	}
	s, err := newScratch(cache, "import")
	if err != nil {
		return nil, explainSpace(err, cache)
	}
	defer s.Remove()
	dir := filepath.Join(s.Dir, "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, explainSpace(err, cache)
	}
	if err := fetch(dir); err != nil {
		return nil, explainSpace(err, s.Dir)
	}
	img, err := Open(dir)
	if err != nil {
		return nil, err
	}
	return storeImage(ctx, cache, dir, img.Manifest)
}

// plainName reports whether an image's name may be a part of a path: it may come from elsewhere.
func plainName(name string) bool {
	return name != "" && len(name) <= 200 && !strings.ContainsAny(name, "/\\\x00") && !strings.HasPrefix(name, ".")
}
