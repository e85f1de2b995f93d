package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Files of a kernel's folder.
const (
	kernelELF    = "vmlinux"
	kernelConfig = "config"
	kernelMap    = "System.map"
	kernelJSON   = "kernel.json"
)

// kernelFile is kernel.json.
type kernelFile struct {
	Version string `json:"version"`
	Digest  string `json:"digest"`
	Size    int64  `json:"size"`
	Recipe  recipe `json:"recipe"`
	Objects int    `json:"objects"` // files that the build compiled: the length of the next one

	CPUSeconds float64 `json:"cpu_seconds"` // what the build took of processors
}

// openKernel returns the kernel in a folder of the cache. The folder came there whole, by one
// rename, so that its size is check enough.
func openKernel(dir string) (*Kernel, error) {
	file, err := readKernelFile(dir)
	if err != nil {
		return nil, err
	}
	k := &Kernel{
		Path:       filepath.Join(dir, kernelELF),
		ConfigPath: filepath.Join(dir, kernelConfig),
		Version:    file.Version,
		Digest:     file.Digest,
		Key:        file.Recipe.key(),
		Size:       file.Size,
	}
	info, err := os.Stat(k.Path)
	switch {
	case err != nil:
		return nil, &DamagedError{k.Path, err.Error()}
	case info.Size() != k.Size:
		return nil, &DamagedError{k.Path, fmt.Sprintf("it has %d bytes and should have %d", info.Size(), k.Size)}
	}
	return k, nil
}

// readKernelFile reads kernel.json in a folder of the cache; ErrKernelNotBuilt without one.
func readKernelFile(dir string) (kernelFile, error) {
	path := filepath.Join(dir, kernelJSON)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return kernelFile{}, ErrKernelNotBuilt
	}
	if err != nil {
		return kernelFile{}, fmt.Errorf("open kernel: %w", err)
	}
	var file kernelFile
	if err := json.Unmarshal(data, &file); err != nil {
		return kernelFile{}, &DamagedError{path, err.Error()}
	}
	return file, nil
}
