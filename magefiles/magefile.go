//go:build mage

// Package main has silo's targets. Each is a few lines; what they do is in internal/, where it is
// tested.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/magefile/mage/sh"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/bench"
	"github.com/silo-os/silo/internal/checks"
	"github.com/silo-os/silo/internal/demo"
	"github.com/silo-os/silo/internal/devsetup"
)

// Test runs everything a change must pass: format, vet, staticcheck, import rules, unit and VM tests.
func Test(ctx context.Context) error {
	return checks.Run(ctx, os.Stdout, "test", checks.All(checks.Config{Dir: "."}))
}

// TestAll runs the same with every pair of a fault and the moment it comes at: some minutes more.
func TestAll(ctx context.Context) error {
	return checks.Run(ctx, os.Stdout, "testall", checks.All(checks.Config{Dir: ".", Long: true}))
}

// Kernel builds the guest kernel into the cache and says where it is.
func Kernel(ctx context.Context) error {
	if err := devsetup.Ensure(ctx, devsetup.Machine(os.Stderr), devsetup.Kernel); err != nil {
		return err
	}
	kernel, err := images.BuildKernel(ctx, images.KernelConfig{Progress: os.Stderr})
	if err != nil {
		return err
	}
	fmt.Println(kernel.Path)
	return nil
}

// Image builds the image of a main package (an import path or ./folder) and says where it is.
func Image(ctx context.Context, pkg string) error {
	if err := devsetup.Ensure(ctx, devsetup.Machine(os.Stderr), devsetup.Kernel); err != nil {
		return err
	}
	image, err := images.Build(ctx, images.Config{Package: pkg, Progress: os.Stderr})
	if err != nil {
		return err
	}
	fmt.Println(image.Dir)
	return nil
}

// Bench measures silo against its bars: bench boot. Results go to out/bench/NAME.json.
func Bench(ctx context.Context, name string) error {
	return bench.Run(ctx, bench.Config{Name: name, Dir: ".", Out: os.Stdout})
}

// Demo shows a guest that grows and shrinks under real clients. Results go to out/demo.
func Demo(ctx context.Context) error {
	return demo.Run(ctx, demo.Config{Dir: ".", Out: os.Stdout})
}

// Silo builds the silo command into out/silo.
func Silo() error {
	checkout, err := checks.KnowsCheckout(".")
	if err != nil {
		return err
	}
	if err := sh.RunV("go", "build", "-trimpath", checkout, "-o", "out/silo", "./cmd/silo"); err != nil {
		return err
	}
	fmt.Println("out/silo")
	return nil
}
