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
	user := goTool{dir: c.Dir, tags: c.Tags, tmp: tmp}
	both, ctx := errgroup.WithContext(ctx)
	if built := c.builtProgram(); built != "" {
		if err := requireStatic(built); err != nil {
			return content, err
		}
		content.App = built
	} else {
		app, pkg, err := c.source(ctx, scratch, user)
		if err != nil {
			return content, err
		}
		if err := app.findMain(ctx, pkg); err != nil {
			return content, err
		}
		both.Go(func() error { return app.build(ctx, pkg, content.App) })
	}
	both.Go(func() error {
		dir, err := siloSource(ctx, user)
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

// source returns what compiles the application, and the package that is to be compiled.
func (c Config) source(ctx context.Context, scratch string, user goTool) (goTool, string, error) {
	p, ok := parsePublished(c.Package)
	if !ok {
		return user, c.Package, nil
	}
	g := user
	g.dir, g.free = filepath.Join(scratch, "module"), true
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return g, "", fmt.Errorf("make image: %w", err)
	}
	return g, p.path, p.require(ctx, g)
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
