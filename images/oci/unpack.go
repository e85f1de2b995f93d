package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/silo-os/silo/images"
)

// ForeignError says that an OCI image is none of silo's.
type ForeignError struct {
	Ref    string // what was read
	Reason string
}

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is no silo image: %s: silo push writes one", e.Ref, e.Reason)
}

// maxManifest bounds the file that says how large the others are.
const maxManifest = 1 << 20

// unpack writes the files of an OCI image into a folder. Whoever opens the folder afterwards compares digests.
func unpack(ref string, packed v1.Image, dir string) error {
	layers, err := packed.Layers()
	if err != nil {
		return fmt.Errorf("read %s: %w", ref, err)
	}
	if len(layers) != 3 {
		return &ForeignError{ref, fmt.Sprintf("it has %d layers and not 3", len(layers))}
	}
	img := &images.Image{Dir: dir}
	if err := unpackLayer(ref, layers[0], img.ManifestPath(), maxManifest); err != nil {
		return err
	}
	if img.Manifest, err = images.ReadManifest(dir); err != nil {
		return &ForeignError{ref, err.Error()}
	}
	if err := unpackLayer(ref, layers[1], img.KernelPath(), img.Manifest.Kernel.Size); err != nil {
		return err
	}
	return unpackLayer(ref, layers[2], img.InitramfsPath(), img.Manifest.Initramfs.Size)
}

// unpackLayer writes the one file of a layer, of at most so many bytes.
func unpackLayer(ref string, layer v1.Layer, to string, most int64) (err error) {
	in, err := layer.Uncompressed()
	if err != nil {
		return fmt.Errorf("read %s: %w", ref, err)
	}
	defer in.Close()
	want := folder + filepath.Base(to)
	found := false
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if !found {
				return &ForeignError{ref, "it has no " + want}
			}
			return nil
		case err != nil:
			return fmt.Errorf("read %s of %s: %w", want, ref, err)
		case h.Typeflag == tar.TypeDir && h.Name == folder:
			continue
		case h.Typeflag != tar.TypeReg || h.Name != want || found:
			return &ForeignError{ref, fmt.Sprintf("%q is none of its files", h.Name)}
		case h.Size > most:
			return &ForeignError{ref, fmt.Sprintf("%s has %d bytes, more than the %d it may have", want, h.Size, most)}
		}
		found = true
		if err := writeFile(to, r); err != nil {
			return fmt.Errorf("write %s of %s: %w", want, ref, err)
		}
	}
}

func writeFile(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
