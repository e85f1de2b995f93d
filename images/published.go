package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	gomodule "golang.org/x/mod/module"
)

// published is a main package of a module that need not be at hand, in a version: path@version.
type published struct{ path, version string }

// parsePublished reads path@version. It reports false for what is a name of something else: a package of
// the module at hand, or a file or folder that exists.
func parsePublished(pkg string) (published, bool) {
	path, version, ok := strings.Cut(pkg, "@")
	if !ok || gomodule.CheckImportPath(path) != nil {
		return published{}, false
	}
	if _, err := os.Stat(pkg); err == nil {
		return published{}, false
	}
	return published{path, version}, true
}

// scratchModule is what the module is called in which a published program is built. It is in the program,
// so it is the same everywhere.
const scratchModule = "silo.invalid/program"

// require makes a module in g's folder, which is empty, that requires the program.
//
// `go install path@version` would not do: it refuses a module whose go.mod replaces others, as those of
// large repositories do to find their own parts.
func (p published) require(ctx context.Context, g goTool) error {
	if err := g.present(); err != nil {
		return err
	}
	if p.version == "" || p.version == "none" { // to the go command, none is how to get rid of it
		return &UnpublishedError{Program: p.path, Detail: "no version stands behind the @"}
	}
	if err := g.command("make module", "mod", "init", scratchModule).run(ctx); err != nil {
		return err
	}
	name := p.path + "@" + p.version
	err := g.command("get "+name, "get", g.tagFlag(), "--", name).run(ctx)
	var failed *CommandError
	if errors.As(err, &failed) {
		if full := explainSpace(err, g.tempDir()); errors.As(full, new(*SpaceError)) {
			return full
		}
		return &UnpublishedError{Program: name, Detail: reason(failed.Output)}
	}
	return err
}

// reason is what the go command said, without how far it got before.
func reason(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "go: "))
		if line != "" && !strings.HasPrefix(line, "downloading ") && !strings.HasPrefix(line, "added ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// UnpublishedError says that a program cannot be had by its path and version.
type UnpublishedError struct {
	Program string // path@version
	Detail  string // what the go command said
}

// Error implements error.
func (e *UnpublishedError) Error() string {
	return fmt.Sprintf("get %s: %s: name a main package and a version of its module, such as example.org/server/cmd/server@latest, that the module proxy has",
		e.Program, e.Detail)
}
