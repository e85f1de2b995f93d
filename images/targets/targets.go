// Package targets has mage targets that any module can import into its own magefile, where
// the application is a package of that module:
//
//	//go:build mage
//
//	package main
//
//	import (
//		//mage:import silo
//		_ "github.com/silo-os/silo/images/targets"
//	)
//
// Then `mage silo:build ./cmd/store out/image` makes an image and `mage silo:kernel` only its
// kernel, once. Progress goes to standard error and the result's path to standard output.
package targets

import (
	"context"
	"fmt"
	"os"

	"github.com/silo-os/silo/images"
)

// Kernel builds the guest kernel into the cache and says where it is.
func Kernel(ctx context.Context) error {
	kernel, err := images.BuildKernel(ctx, images.KernelConfig{Progress: os.Stderr})
	if err != nil {
		return err
	}
	fmt.Println(kernel.Path)
	return nil
}

// Build builds the image of a main package (an import path or ./folder) into a folder.
func Build(ctx context.Context, pkg, out string) error {
	image, err := images.Build(ctx, images.Config{Package: pkg, Progress: os.Stderr})
	if err != nil {
		return err
	}
	if image, err = image.CopyTo(out); err != nil {
		return err
	}
	fmt.Println(image.Dir)
	return nil
}
