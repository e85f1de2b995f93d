package oci

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/silo-os/silo/images"
)

// folder is where the files stand in the layers.
const folder = "silo/"

// titleKey is the annotation with an image's name for people.
const titleKey = "org.opencontainers.image.title"

// Pack returns the image as an OCI image. Its files are read when the layers are.
func Pack(img *images.Image) (v1.Image, error) {
	packed := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	packed = mutate.ConfigMediaType(packed, types.OCIConfigJSON)
	packed, err := mutate.ConfigFile(packed, &v1.ConfigFile{
		Architecture: "amd64", OS: "linux", RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Labels: map[string]string{titleKey: img.Manifest.Name}},
	})
	if err != nil {
		return nil, fmt.Errorf("pack image: %w", err)
	}
	for _, path := range []string{img.ManifestPath(), img.KernelPath(), img.InitramfsPath()} {
		layer, err := layerOf(path)
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", path, err)
		}
		if packed, err = mutate.AppendLayers(packed, layer); err != nil {
			return nil, fmt.Errorf("pack %s: %w", path, err)
		}
	}
	return mutate.Annotations(packed, map[string]string{titleKey: img.Manifest.Name}).(v1.Image), nil
}

func layerOf(path string) (v1.Layer, error) {
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return openAsTar(path) },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching)
}

// openAsTar reads as a tar archive with one file, which tells nothing of where it comes from.
func openAsTar(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		defer f.Close()
		w.CloseWithError(writeTar(w, filepath.Base(path), info.Size(), f))
	}()
	return r, nil
}

func writeTar(w io.Writer, name string, size int64, content io.Reader) error {
	out := tar.NewWriter(w)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755, Format: tar.FormatUSTAR},
		{Typeflag: tar.TypeReg, Name: folder + name, Mode: 0o644, Size: size, Format: tar.FormatUSTAR},
	} {
		if err := out.WriteHeader(h); err != nil {
			return err
		}
	}
	if _, err := io.Copy(out, content); err != nil {
		return err
	}
	return out.Close()
}
