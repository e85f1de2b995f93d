package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/silo-os/silo/images/initramfs"
)

// programs makes the application and PID 1, at the same time, and returns where they and all other files of the guest are.
func (c Config) programs(ctx context.Context, scratch string) (initramfs.Content, error) {
	content := initramfs.Content{Init: filepath.Join(scratch, "init"), App: filepath.Join(scratch, "app")}
	tmp := filepath.Join(scratch, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return content, fmt.Errorf("make image: %w", err)
	}
	app := goTool{dir: c.Dir, tags: c.Tags, tmp: tmp}
	both, ctx := errgroup.WithContext(ctx)
	if built := c.builtProgram(); built != "" {
		if err := requireStatic(built); err != nil {
			return content, err
		}
		content.App = built
	} else {
		if err := app.findMain(ctx, c.Package); err != nil {
			return content, err
		}
		both.Go(func() error { return app.build(ctx, c.Package, content.App) })
	}
	both.Go(func() error {
		dir, err := siloSource(ctx, app)
		if err != nil {
			return err
		}
		c.Log.Debug("compiling PID 1", "source", dir)
		own := goTool{dir: dir, tmp: tmp, own: true}
		if content.Files, err = c.files(ctx, own); err != nil {
			return err
		}
		return own.build(ctx, initPackage, content.Init)
	})
	return content, both.Wait()
}

// builtProgram returns the path of Package if it is a built program, and "" otherwise.
func (c Config) builtProgram() string {
	path := c.Package
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Dir, path)
	}
	if isELF(path) {
		return path
	}
	return ""
}
