package oci

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/silo-os/silo/images"
)

// Scheme stands before a reference where a name could be something else too, such as oci://ghcr.io/acme/store:1.2.
const Scheme = "oci://"

// parse reads a reference, with the scheme or without. One without a registry is refused, because the library would take
// docker.io for it, and one misspelt folder would be sent there.
func parse(ref string) (name.Reference, error) {
	bare := strings.TrimPrefix(ref, Scheme)
	r, err := name.ParseReference(bare)
	if err != nil {
		return nil, fmt.Errorf("read reference %q: %w: write it like ghcr.io/acme/store:1.2", ref, err)
	}
	host, _, ok := strings.Cut(bare, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return nil, fmt.Errorf("read reference %q: it names no registry: write it like ghcr.io/acme/store:1.2", ref)
	}
	return r, nil
}

// CheckReference returns the error that Push and Pull would have for such a reference, without asking anybody.
func CheckReference(ref string) error {
	_, err := parse(ref)
	return err
}

// options are what both ways have in common.
func options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent("silo"), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}),
	}
}

// Push stores the image in a registry and returns its reference by digest. Layers that are there already are not sent
// again.
func Push(ctx context.Context, img *images.Image, ref string) (digest string, err error) {
	r, err := parse(ref)
	if err != nil {
		return "", err
	}
	packed, err := Pack(img)
	if err != nil {
		return "", err
	}
	sum, err := packed.Digest()
	if err != nil {
		return "", fmt.Errorf("pack image: %w", err)
	}
	if err := remote.Write(r, packed, options(ctx)...); err != nil {
		return "", fmt.Errorf("push %s: %w", r, explain(err))
	}
	return r.Context().Digest(sum.String()).Name(), nil
}

// Pull brings an image from a registry into the cache; cache "" is the user's. What is no silo image is a *[ForeignError], one
// that is not what its manifest says an *[images.DamagedError].
func Pull(ctx context.Context, cache, ref string) (*images.Image, error) {
	r, err := parse(ref)
	if err != nil {
		return nil, err
	}
	packed, err := remote.Image(r, options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("pull %s: %w", r, explain(err))
	}
	return images.Import(ctx, cache, func(dir string) error { return unpack(r.String(), packed, dir) })
}

// explain adds what to do to errors that have a usual cause.
func explain(err error) error {
	var refused *transport.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: log in with docker login, or check that you may", err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: check the name and the tag", err)
	}
	return err
}
