package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/silo-os/silo/internal/devsetup"
)

// stockMeta is the package that always depends on the newest kernel for clouds.
const stockMeta = "linux-image-cloud-amd64"

var dependsLine = regexp.MustCompile(`(?m)^\s*Depends: (linux-image-\S+-cloud-amd64)\s*$`)

// stockKernel returns the path of the distribution's kernel for clouds and its package's name. The
// package is fetched once and unpacked, not installed.
func stockKernel(ctx context.Context, machine devsetup.System, dir string) (path, pkg string, err error) {
	pkg, err = stockPackage(ctx)
	if err != nil && machine.Root() {
		if err := devsetup.Update(ctx, machine); err != nil {
			return "", "", err
		}
		pkg, err = stockPackage(ctx)
	}
	if err != nil {
		return "", "", err
	}
	pattern := filepath.Join(dir, pkg, "boot", "vmlinuz-*")
	if found, _ := filepath.Glob(pattern); len(found) == 1 {
		return found[0], pkg, nil
	}
	if err := fetchStock(ctx, machine, dir, pkg); err != nil {
		return "", "", fmt.Errorf("fetch %s: %w", pkg, err)
	}
	found, _ := filepath.Glob(pattern)
	if len(found) != 1 {
		return "", "", fmt.Errorf("fetch %s: %d kernels in it, want one", pkg, len(found))
	}
	return found[0], pkg, nil
}

// networkModules are what the stock kernel needs for its network on silo's machine, each behind what it needs itself.
var networkModules = []string{"virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover", "net_failover", "virtio_net"}

// stockModules returns the paths of networkModules. A package that was unpacked by a silo that did not keep them is fetched
// once more.
func stockModules(ctx context.Context, machine devsetup.System, dir, pkg string) (paths []string, err error) {
	for _, name := range networkModules {
		paths = append(paths, filepath.Join(dir, pkg, "modules", name+".ko"))
	}
	missing := func() error {
		for _, p := range paths {
			if _, err := os.Stat(p); err != nil {
				return err
			}
		}
		return nil
	}
	if missing() == nil {
		return paths, nil
	}
	if err := fetchStock(ctx, machine, dir, pkg); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", pkg, err)
	}
	if err := missing(); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", pkg, err)
	}
	return paths, nil
}

// stockPackage finds the package that holds the kernel itself.
func stockPackage(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", stockMeta).Output()
	if err != nil {
		return "", fmt.Errorf("find stock kernel: apt-cache depends %s: %w; run: apt-get update", stockMeta, err)
	}
	return parseDepends(string(out))
}

func parseDepends(out string) (string, error) {
	m := dependsLine.FindStringSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("find stock kernel: %s depends on no kernel: %q; run: apt-get update", stockMeta, out)
	}
	return m[1], nil
}

// fetchStock downloads a package and puts its unpacked content into dir/pkg in one piece.
func fetchStock(ctx context.Context, machine devsetup.System, dir, pkg string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".fetch-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// apt-get downloads into the folder it runs in, by a user who must be able to write there.
	if err := os.Chmod(work, 0o777); err != nil {
		return err
	}
	if err := machine.Run(ctx, nil, "sh", "-ec", `cd "$0" && apt-get -q download "$1" && mkdir -p new/modules && dpkg-deb -x *.deb new && find new/lib/modules \( -path "*/drivers/virtio/*.ko" -o -path "*/drivers/net/*.ko" -o -path "*/net/core/*.ko" \) -exec mv {} new/modules ";" && rm -rf new/lib new/usr`, work, pkg); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, pkg)); err != nil { // left over from a fetch that was cut off
		return err
	}
	return os.Rename(filepath.Join(work, "new"), filepath.Join(dir, pkg))
}

// cacheDir is silo's folder for what can be made again.
func cacheDir() (string, error) {
	if dir := os.Getenv("SILO_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache: %w; set SILO_CACHE to a folder", err)
	}
	return filepath.Join(user, "silo"), nil
}
