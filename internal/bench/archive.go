package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/u-root/mkuimage/cpio"
)

// appPath is where the application is in silo's images.
const appPath = "app/main"

// asInit takes the application out of an image's initramfs and writes an archive in which it is
// /init: the very same program under another kernel.
func asInit(initramfs, to string) error {
	app, err := appOf(initramfs)
	if err != nil {
		return fmt.Errorf("take application from %s: %w", initramfs, err)
	}
	return packInit(to, cpio.StaticFile("init", app, 0o755))
}

// underInit writes an archive in which one image's application is /init and another's is where silo's images
// have it.
func underInit(init, app, to string) error {
	files, err := initAndApp(init, app)
	if err != nil {
		return err
	}
	return packInit(to, files...)
}

// initAndApp are the applications of two images, at the places of a first process and of an application.
func initAndApp(init, app string) ([]cpio.Record, error) {
	first, err := appOf(init)
	if err != nil {
		return nil, fmt.Errorf("take application from %s: %w", init, err)
	}
	second, err := appOf(app)
	if err != nil {
		return nil, fmt.Errorf("take application from %s: %w", app, err)
	}
	return []cpio.Record{cpio.StaticFile("init", first, 0o755), cpio.Directory("app", 0o755), cpio.StaticFile(appPath, second, 0o755)}, nil
}

// underModules is underInit with the files of modules beside, which are to be loaded in their order.
func underModules(init, app string, modules []string, to string) error {
	files, err := initAndApp(init, app)
	if err != nil {
		return err
	}
	files = append(files, cpio.Directory("modules", 0o755))
	for i, path := range modules {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read module: %w", err)
		}
		files = append(files, cpio.StaticFile(fmt.Sprintf("modules/%02d-%s", i, filepath.Base(path)), string(b), 0o644))
	}
	return packInit(to, files...)
}

// packInit writes an archive of the files and the folders that a first process needs.
func packInit(to string, files ...cpio.Record) error {
	records := append([]cpio.Record{
		cpio.Directory("dev", 0o755), cpio.CharDev("dev/console", 0o600, 5, 1), cpio.CharDev("dev/null", 0o666, 1, 3),
		cpio.Directory("proc", 0o755), cpio.Directory("sys", 0o755), cpio.Directory("tmp", 0o777),
	}, files...)
	cpio.MakeAllReproducible(records)
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	if err := errors.Join(cpio.WriteRecords(w, records), cpio.WriteTrailer(w)); err != nil {
		return fmt.Errorf("pack archive: %w", err)
	}
	return renameio.WriteFile(to, b.Bytes(), 0o644)
}

// appOf reads the application, whether the archive is compressed or not.
func appOf(initramfs string) (string, error) {
	b, err := os.ReadFile(initramfs)
	if err != nil {
		return "", err
	}
	if bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}) { // zstd
		d, err := zstd.NewReader(nil)
		if err != nil {
			return "", err
		}
		defer d.Close()
		if b, err = d.DecodeAll(b, nil); err != nil {
			return "", err
		}
	}
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(b)))
	if err != nil {
		return "", err
	}
	for _, r := range records {
		if r.Name == appPath {
			app, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
			return string(app), err
		}
	}
	return "", fmt.Errorf("no /%s in it", appPath)
}
