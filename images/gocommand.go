package images

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goTool runs the go command for a guest's programs.
type goTool struct {
	dir  string   // where it runs: decides which module packages are looked up in
	tags []string // besides netgo and osusergo
	tmp  string   // for its temporary files, unless the user chose a folder by GOTMPDIR
	own  bool     // for silo's own module: flags and workspaces of the user do not matter
	free bool     // dir is a module of no user's, to be changed as need be
}

// staticTags choose the resolvers of host and user names that are written in Go: a guest has
// no C library to call.
var staticTags = []string{"netgo", "osusergo"}

// environ is the user's environment, for their proxies, caches and flags, with what makes a
// program of a guest.
func (g goTool) environ() []string {
	env := append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if os.Getenv("GOTMPDIR") == "" && g.tmp != "" {
		env = append(env, "GOTMPDIR="+g.tmp)
	}
	if g.own {
		env = append(env, "GOFLAGS=", "GOWORK=off")
	}
	if g.free {
		env = append(env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -mod=mod"), "GOWORK=off")
	}
	return env
}

func (g goTool) command(doing string, args ...string) command {
	return command{doing: doing, dir: g.dir, env: g.environ(), argv: append([]string{"go"}, args...)}
}

func (g goTool) tagFlag() string {
	return "-tags=" + strings.Join(append(staticTags[:len(staticTags):len(staticTags)], g.tags...), ",")
}

// goPackage is what images needs of `go list -json`.
type goPackage struct {
	ImportPath string
	Name       string
	Error      *struct{ Err string }
}

// present returns an error unless there is a go command.
func (g goTool) present() error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("find the go command: %w: install Go (https://go.dev/dl) or name a built program", err)
	}
	return nil
}

// findMain returns an error unless pkg names exactly one main package.
func (g goTool) findMain(ctx context.Context, pkg string) error {
	if err := g.present(); err != nil {
		return err
	}
	out, err := g.command("list "+pkg, "list", "-e", "-json=ImportPath,Name,Error", g.tagFlag(), "--", pkg).output(ctx)
	var failed *CommandError
	if errors.As(err, &failed) {
		return &NoPackageError{pkg, g.dir, strings.TrimSpace(failed.Output)}
	}
	if err != nil {
		return err
	}
	found, err := decodePackages(out)
	switch {
	case err != nil:
		return fmt.Errorf("list %s: %w", pkg, err)
	case len(found) == 0:
		return &NoPackageError{pkg, g.dir, "nothing matches"}
	case len(found) > 1:
		return &NoPackageError{pkg, g.dir, fmt.Sprintf("%d packages match: name one", len(found))}
	}
	p := found[0]
	switch {
	case p.Name == "main": // an error in its source is the compiler's to tell
		return nil
	case p.Error != nil:
		return &NoPackageError{pkg, g.dir, strings.TrimSpace(p.Error.Err)}
	default:
		return &NotMainError{p.ImportPath, p.Name}
	}
}

func decodePackages(out []byte) ([]goPackage, error) {
	var found []goPackage
	in := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found = append(found, p)
	}
}

// build compiles a main package into a static program at the path out. What it makes depends
// on the source alone: no paths, no build id, no state of a repository.
func (g goTool) build(ctx context.Context, pkg, out string) error {
	err := g.command("compile "+pkg, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		g.tagFlag(), "-o", out, "--", pkg).run(ctx)
	if err != nil {
		return explainSpace(err, g.tempDir())
	}
	return requireStatic(out)
}

// tempDir is where the go command puts its temporary files.
func (g goTool) tempDir() string {
	for _, dir := range []string{os.Getenv("GOTMPDIR"), g.tmp} {
		if dir != "" {
			return dir
		}
	}
	return filepath.Clean(os.TempDir())
}
