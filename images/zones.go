package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/silo-os/silo/images/initramfs"
)

// zonesPath is where PID 1 says, by the variable ZONEINFO, that time zones are.
const zonesPath = "usr/share/zoneinfo.zip"

// zones are the time zones of the Go toolchain that compiles PID 1, in the one file in which it has them: as 600 files, one
// for each name, they would take a page of memory each and the kernel as many steps at each boot.
func zones(ctx context.Context, g goTool) (initramfs.File, error) {
	out, err := g.command("find Go's time zones", "env", "GOROOT").output(ctx)
	if err != nil {
		return initramfs.File{}, err
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "lib", "time", "zoneinfo.zip")
	if _, err := os.Stat(path); err != nil {
		return initramfs.File{}, fmt.Errorf("find time zones: %w: this Go was installed without them: install Go from https://go.dev/dl", err)
	}
	return initramfs.File{Path: zonesPath, Mode: 0o644, Source: path}, nil
}
