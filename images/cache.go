package images

import (
	"fmt"
	"os"
	"path/filepath"
)

// cacheEnv names the variable that overrides the folder of the cache.
const cacheEnv = "SILO_CACHE"

// cacheRoot returns the folder of the cache, which need not exist: dir if it is given, else
// what SILO_CACHE says, else silo's folder in the user's cache.
func cacheRoot(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv(cacheEnv)
	}
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find cache: %w (set %s to a folder)", err, cacheEnv)
		}
		dir = filepath.Join(user, "silo")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find cache: %w", err)
	}
	return abs, nil
}

// Folders of the cache.
func kernelsDir(cache string) string { return filepath.Join(cache, "kernel") }
func imagesDir(cache string) string  { return filepath.Join(cache, "images") }
func scratchDir(cache string) string { return filepath.Join(cache, "tmp") }
