// Package oci carries images as OCI images, through registries and in layouts on disk.
//
//	digest, err := oci.Push(ctx, img, "ghcr.io/acme/store:1.2")
//	…
//	img, err := oci.Pull(ctx, "", "ghcr.io/acme/store@sha256:…") // "" = the user's cache
//
// # Form
//
// An ordinary image for linux/amd64 from nothing, so that every registry, mirror, scanner and copying tool knows what to do with
// it. Three layers, each a tar archive with one file of the image's folder, below silo/:
//
//	manifest.json    first, because it says how large the others are and what their digests must be
//	vmlinux          a layer of its own, so that a registry and a host keep one kernel for all applications
//	initramfs.cpio   PID 1 and the application
//
// Nothing in it says when or where it was made: the same image gives the same digest, as long as Go's gzip writes the same
// bytes. What a digest covers uncompressed stays the same even then.
//
// # States
//
//	local    a folder or the cache has the image. Push and WriteLayout move it on.
//	remote   a registry or a layout has it. Pull and ReadLayout move it back, through a scratch folder: nothing is in the cache
//	         before each byte was held against the digests of the manifest.
//
// What a registry says is not trusted: names other than the three are refused, and no file may be larger than the manifest
// says. Credentials are those of docker login (~/.docker/config.json). There are no locks here; the cache has its own.
package oci
