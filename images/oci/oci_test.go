package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/silo-os/silo/images"
)

// image writes a folder that is an image as far as digests go.
func image(t *testing.T, name string) *images.Image {
	t.Helper()
	img := &images.Image{Dir: t.TempDir()}
	img.Manifest.Name = name
	write := func(path string, data []byte) images.DigestedFile {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		return images.DigestedFile{Digest: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	}
	img.Manifest.Kernel.DigestedFile = write(img.KernelPath(), bytes.Repeat([]byte("kernel"), 10_000))
	img.Manifest.Initramfs = write(img.InitramfsPath(), []byte("archive of "+name))
	data, err := json.Marshal(img.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	write(img.ManifestPath(), data)
	return img
}

// registryAt starts a registry and returns its address.
func registryAt(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

func TestPushAndPull(t *testing.T) {
	host, img, cache := registryAt(t), image(t, "store"), t.TempDir()
	digest, err := Push(t.Context(), img, Scheme+host+"/acme/store:1.2")
	if err != nil || !strings.HasPrefix(digest, host+"/acme/store@sha256:") {
		t.Fatalf("%q, %v", digest, err)
	}
	for _, ref := range []string{host + "/acme/store:1.2", Scheme + digest} {
		got, err := Pull(t.Context(), cache, ref)
		if err != nil {
			t.Fatal(err)
		}
		if got.Manifest != img.Manifest || !strings.HasPrefix(got.Dir, cache) {
			t.Errorf("%s: %+v in %s", ref, got.Manifest, got.Dir)
		}
		if _, err := images.Open(got.Dir); err != nil {
			t.Error(err)
		}
	}
	// Somebody else's image with the same kernel sends only what is not there.
	other, err := Push(t.Context(), image(t, "cache"), host+"/acme/store:cache")
	if err != nil || other == digest {
		t.Errorf("%q, %v", other, err)
	}
	a, b := layers(t, host+"/acme/store:1.2"), layers(t, host+"/acme/store:cache")
	if a[0] == b[0] || a[1] != b[1] || a[2] == b[2] {
		t.Errorf("layers %v and %v: only the kernel's should be shared", a, b)
	}
	requireEmpty(t, filepath.Join(cache, "tmp"))
}

func layers(t *testing.T, ref string) (digests []v1.Hash) {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		digests = append(digests, l.Digest)
	}
	return digests
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" { // the cache's own, which stays
			t.Errorf("%s is left in %s", e.Name(), dir)
		}
	}
}

// TestDigestIsReproducible: the same files in another folder, of another age and mode, give the same digest.
func TestDigestIsReproducible(t *testing.T) {
	a, err := WriteLayout(image(t, "store"), filepath.Join(t.TempDir(), "a"))
	if err != nil {
		t.Fatal(err)
	}
	copied, err := image(t, "store").CopyTo(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := WriteLayout(copied, filepath.Join(t.TempDir(), "b")); a != b || err != nil {
		t.Errorf("%s and %s, %v", a, b, err)
	}
}

func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "layout")
	if _, err := WriteLayout(image(t, "old"), dir); err != nil {
		t.Fatal(err)
	}
	want := image(t, "store")
	if _, err := WriteLayout(want, dir); err != nil || !IsLayout(dir) {
		t.Fatalf("write again: %v", err)
	}
	got, err := ReadLayout(t.Context(), t.TempDir(), dir)
	if err != nil || got.Manifest != want.Manifest {
		t.Errorf("%+v, %v", got, err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteLayout(want, foreign); err == nil || !strings.Contains(err.Error(), "is not empty and no OCI layout") {
		t.Errorf("over a folder with files: %v", err)
	}
	requireOnly(t, filepath.Dir(dir), "layout")
	requireOnly(t, foreign, "precious")
}

func requireOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("%v in %s, %v", entries, dir, err)
	}
}

// TestHostileImages: what is not silo's, or not what it says, is refused and nothing is left of it.
func TestHostileImages(t *testing.T) {
	good := image(t, "store")
	damaged := image(t, "store")
	if err := os.WriteFile(damaged.InitramfsPath(), []byte("archive of stork"), 0o600); err != nil {
		t.Fatal(err)
	}
	larger := image(t, "store")
	if err := os.WriteFile(larger.KernelPath(), make([]byte, 70_000), 0o600); err != nil {
		t.Fatal(err)
	}
	climber := image(t, "../../up")
	pack := func(img *images.Image) v1.Image {
		packed, err := Pack(img)
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	swapped := func() v1.Image {
		l, err := pack(good).Layers()
		if err != nil {
			t.Fatal(err)
		}
		img, err := mutate.AppendLayers(empty.Image, l[1], l[0], l[2])
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	var foreign *ForeignError
	var broken *images.DamagedError
	for what, c := range map[string]struct {
		img  v1.Image
		as   any
		want string
	}{
		"nothing":        {empty.Image, &foreign, "it has 0 layers and not 3"},
		"other order":    {swapped(), &foreign, `"silo/vmlinux" is none of its files`},
		"other archive":  {pack(damaged), &broken, "its digest is"},
		"larger kernel":  {pack(larger), &foreign, "more than the 60000 it may have"},
		"name with dots": {pack(climber), &foreign, `its name "../../up" is none for a file`},
	} {
		t.Run(what, func(t *testing.T) {
			dir, cache := t.TempDir(), t.TempDir()
			path, err := layout.Write(dir, empty.Index)
			if err != nil {
				t.Fatal(err)
			}
			if err := path.AppendImage(c.img); err != nil {
				t.Fatal(err)
			}
			_, err = ReadLayout(t.Context(), cache, dir)
			if !errors.As(err, c.as) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			requireEmpty(t, filepath.Join(cache, "tmp"))
			requireEmpty(t, filepath.Join(cache, "images"))
		})
	}
}

func TestReferences(t *testing.T) {
	for ref, want := range map[string]string{
		"out/server":         "names no registry",
		"store:1.2":          "names no registry",
		"oci://UPPER.io/X:1": "write it like ghcr.io/acme/store:1.2",
		"oci://":             "write it like ghcr.io/acme/store:1.2",
	} {
		if _, err := Push(t.Context(), image(t, "store"), ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", ref, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Pull(ctx, t.TempDir(), registryAt(t)+"/none:1")
	cancel()
	if err == nil || !strings.Contains(err.Error(), "check the name and the tag") {
		t.Errorf("what is not there: %v", err)
	}
}
