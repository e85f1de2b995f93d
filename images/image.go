package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/silo-os/silo/images/initramfs"
)

// Files of an image's folder, besides the kernel.
const (
	initramfsFile = "initramfs.cpio"
	manifestFile  = "manifest.json"
)

// Image is a guest ready to boot: a folder with a kernel, an archive and a manifest.
type Image struct {
	Dir      string
	Manifest Manifest
}

// KernelPath returns the path of the kernel, an ELF file with a PVH entry point.
func (i *Image) KernelPath() string { return filepath.Join(i.Dir, kernelELF) }

// InitramfsPath returns the path of the archive that is the guest's root file system.
func (i *Image) InitramfsPath() string { return filepath.Join(i.Dir, initramfsFile) }

// ManifestPath returns the path of the file that describes the others.
func (i *Image) ManifestPath() string { return filepath.Join(i.Dir, manifestFile) }

// Open returns the image in a folder, after seeing that its files are those of its manifest.
// A folder that is no image, or a damaged one, is a *DamagedError.
func Open(dir string) (*Image, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	img := &Image{Dir: dir, Manifest: m}
	if err := img.Manifest.Kernel.verify(img.KernelPath()); err != nil {
		return nil, err
	}
	if err := img.Manifest.Initramfs.verify(img.InitramfsPath()); err != nil {
		return nil, err
	}
	return img, nil
}

// ReadManifest reads what an image's folder says of itself; the files are not looked at. The errors are Open's.
func ReadManifest(dir string) (m Manifest, err error) {
	path := filepath.Join(dir, manifestFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, &DamagedError{dir, "it has no " + manifestFile + " and is no image"}
	}
	if err != nil {
		return m, fmt.Errorf("open image: %w", err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, &DamagedError{path, err.Error()}
	}
	if !plainName(m.Name) {
		return m, &DamagedError{path, fmt.Sprintf("its name %q is none for a file", m.Name)}
	}
	return m, nil
}

// CopyTo writes the image into a folder, which is made if need be. Each file appears whole,
// the manifest last. It returns the copy.
func (i *Image) CopyTo(dir string) (*Image, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("copy image: %w", err)
	}
	for _, name := range []string{kernelELF, initramfsFile, manifestFile} {
		if err := copyFile(filepath.Join(i.Dir, name), filepath.Join(dir, name)); err != nil {
			return nil, explainSpace(fmt.Errorf("copy image: %w", err), dir)
		}
	}
	return &Image{Dir: dir, Manifest: i.Manifest}, nil
}

// copyFile copies a file; the copy appears whole or not at all.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := renameio.NewPendingFile(to, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer out.Cleanup()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.CloseAtomicallyReplace()
}

// linkOrCopy gives a file a second name where the file system can, and copies it elsewhere.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	return copyFile(from, to)
}

// packInitramfs writes the archive of a guest to a file.
func packInitramfs(path string, content initramfs.Content) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("pack programs: %w", err)
	}
	if err := errors.Join(initramfs.Write(f, content), f.Close()); err != nil {
		return fmt.Errorf("pack programs: %w", err)
	}
	return nil
}

// storeImage moves the folder of an image into the cache, or takes the same image that is
// there already, and removes the images that have not been used for longest.
func storeImage(ctx context.Context, cache, out string, m Manifest) (*Image, error) {
	key, err := m.key()
	if err != nil {
		return nil, fmt.Errorf("store image: %w", err)
	}
	root := imagesDir(cache)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("store image: %w", err)
	}
	lock := flock.New(filepath.Join(root, ".lock"))
	if _, err := lock.TryLockContext(ctx, lockPatience); err != nil {
		return nil, fmt.Errorf("lock images: %w", err)
	}
	defer lock.Close()

	dir := filepath.Join(root, m.Name+"-"+key)
	img, err := Open(dir)
	if err != nil {
		if err := replaceDir(out, dir); err != nil {
			return nil, err
		}
		img = &Image{Dir: dir, Manifest: m}
	}
	pruneImages(root, dir)
	return img, nil
}
