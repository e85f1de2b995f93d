package oci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/silo-os/silo/images"
)

// layoutFile marks a folder as an OCI layout.
const layoutFile = "oci-layout"

// IsLayout reports whether a folder is an OCI layout.
func IsLayout(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, layoutFile))
	return err == nil && info.Mode().IsRegular()
}

// WriteLayout writes the image as an OCI layout, which skopeo and others copy to registries, and returns its digest. The folder
// must not exist, or be a layout, whose image is replaced.
func WriteLayout(img *images.Image, dir string) (digest string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("write layout: %w", err)
	}
	if len(entries) > 0 && !IsLayout(dir) {
		return "", fmt.Errorf("write layout: %s is not empty and no OCI layout: name another folder", dir)
	}
	packed, err := Pack(img)
	if err != nil {
		return "", err
	}
	sum, err := packed.Digest()
	if err != nil {
		return "", fmt.Errorf("pack image: %w", err)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("write layout: %w", err)
	}
	scratch, err := os.MkdirTemp(parent, ".silo-layout-")
	if err != nil {
		return "", fmt.Errorf("write layout: %w", err)
	}
	defer os.RemoveAll(scratch)
	path, err := layout.Write(scratch, empty.Index)
	if err != nil {
		return "", fmt.Errorf("write layout: %w", err)
	}
	if err := path.AppendImage(packed); err != nil {
		return "", fmt.Errorf("write layout: %w", err)
	}
	if err := os.Chmod(scratch, 0o755); err != nil {
		return "", fmt.Errorf("write layout: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("replace layout: %w", err)
	}
	if err := os.Rename(scratch, dir); err != nil {
		return "", fmt.Errorf("write layout: %w", err)
	}
	return sum.String(), nil
}

// ReadLayout brings the image of a layout into the cache; cache "" is the user's. The errors are Pull's.
func ReadLayout(ctx context.Context, cache, dir string) (*images.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read layout %s: %w", dir, err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read layout %s: %w", dir, err)
	}
	if len(m.Manifests) != 1 {
		return nil, &ForeignError{dir, fmt.Sprintf("it has %d images and not 1", len(m.Manifests))}
	}
	packed, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		return nil, fmt.Errorf("read layout %s: %w", dir, err)
	}
	return images.Import(ctx, cache, func(to string) error { return unpack(dir, packed, to) })
}
