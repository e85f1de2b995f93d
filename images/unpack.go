package images

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// foreign are parts of the source that no kernel of ours compiles, 1.1 GB of 1.5. What
// Kconfig and make read of them stays.
var foreign = []string{
	"*/arch/[a-w]*/*.[chS]", "*/arch/[a-w]*/*.dts*", "*/arch/xtensa/*.[chS]", "*/tools/perf", "*/tools/testing",
	"*/Documentation/*.rst", "*/Documentation/*.yaml", "*/Documentation/*.txt",
	"*/drivers/gpu/*.[ch]", "*/drivers/net/ethernet/*.[ch]", "*/drivers/net/wireless/*.[ch]",
	"*/drivers/media/*.[ch]", "*/drivers/scsi/*.[ch]", "*/drivers/staging/*.[ch]",
	"*/drivers/usb/*.[ch]", "*/drivers/infiniband/*.[ch]", "*/sound/*.[ch]",
}

// unpack unpacks the archive and applies the patches.
func (b *kernelBuild) unpack(ctx context.Context) error {
	b.tell.Begin(stepUnpack)
	archive, err := os.Open(b.cfg.Source)
	if err != nil {
		return err
	}
	defer archive.Close()
	info, err := archive.Stat()
	if err != nil {
		return err
	}
	tar := b.command("unpack kernel source", b.src(), "tar", "-xJf", "-", "--strip-components=1", "--no-same-owner")
	for _, pattern := range foreign {
		tar.argv = append(tar.argv, "--exclude="+pattern)
	}
	tar.stdin = &countingReader{r: archive, total: info.Size(), tell: b.tell}
	if err := tar.run(ctx); err != nil {
		return err
	}
	return b.patch(ctx)
}

// patch applies the embedded patches in the order of their names. Two lines of context around each
// change must match and not three: point releases of the source move and change lines nearby.
func (b *kernelBuild) patch(ctx context.Context) error {
	paths, err := fs.Glob(b.cfg.files, "kernel/patches/*.patch")
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := fs.ReadFile(b.cfg.files, path)
		if err != nil {
			return err
		}
		apply := b.command("apply "+filepath.Base(path), b.src(), "git", "apply", "-p1", "-C2", "-")
		apply.stdin = strings.NewReader(string(text))
		if err := apply.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// countingReader tells how much of an archive has been read.
type countingReader struct {
	r           io.Reader
	read, total int64
	tell        *progress
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read += int64(n)
	c.tell.Within(float64(c.read)/float64(c.total), "")
	return n, err
}
