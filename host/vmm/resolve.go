package vmm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrQEMUMissing says that there is no QEMU to run.
var ErrQEMUMissing = errors.New("qemu is missing: install it with: apt-get install qemu-system-x86")

// resolve replaces what the configuration leaves open by what this machine has.
func (c Config) resolve(ctx context.Context) (Config, error) {
	var err error
	if c.Binary, err = findQEMU(c.binary()); err != nil {
		return c, err
	}
	for _, file := range []struct {
		what string
		path *string
	}{{"kernel", &c.Kernel}, {"initramfs", &c.Initramfs}} {
		if c.Incoming {
			*file.path = ""
		}
		if *file.path, err = checkFile(*file.path); err != nil {
			return c, fmt.Errorf("open %s: %w: build the image first", file.what, err)
		}
	}
	if c.Firmware == "" && exists(qboot) {
		c.Firmware = qboot
	}
	if c.Accel == "" {
		if c.Accel, err = ProbeAccel(ctx, ProbeConfig{Binary: c.Binary, Log: c.Log}); err != nil {
			return c, err
		}
	}
	c.Forwards, err = claimPorts(ctx, c.Forwards)
	return c, err
}

// qboot does nothing but start a kernel, some 20 ms sooner than SeaBIOS under emulation. What it leaves to
// others, silo's kernel does by itself. It comes with the distribution's QEMU; elsewhere QEMU's own
// default serves.
const qboot = "/usr/share/qemu/qboot.rom"

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// findQEMU returns the path of the program.
func findQEMU(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w (%w)", name, ErrQEMUMissing, err)
	}
	return path, nil
}

// checkFile returns the absolute path of a readable regular file; "" stays "".
func checkFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	return filepath.Abs(path)
}
