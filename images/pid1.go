package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

const (
	siloModule  = "github.com/silo-os/silo"
	initPackage = "./images/init" // of siloModule: the main package of PID 1
)

// goModule is what images needs of `go list -m -json` and `go mod download -json`.
type goModule struct {
	Path    string
	Version string
	Dir     string
	Error   any
}

// siloSource returns the folder of silo's source, from which PID 1 is compiled: PID 1 speaks
// with the application and with the host, and their protocol is that of this module. It is
//   - the checkout that the running program was built from, if it is still there;
//   - else the version that the module of the user requires, a replacement included;
//   - else the version that the running program was built from, downloaded.
//
// PID 1 is compiled in silo's own module, since a user's go.sum need not know what only
// PID 1 imports.
func siloSource(ctx context.Context, g goTool) (string, error) {
	if dir := ownCheckout(); dir != "" {
		return dir, nil
	}
	required, errRequired := requiredSilo(ctx, g)
	if errRequired == nil {
		return required, nil
	}
	if ctx.Err() != nil {
		return "", errRequired
	}
	downloaded, errDownload := downloadSilo(ctx, g)
	if errDownload == nil {
		return downloaded, nil
	}
	return "", fmt.Errorf("find the source of PID 1: no module around %s requires %s, and it cannot be downloaded: run: go get %s\n%w",
		g.dir, siloModule, siloModule, errors.Join(errRequired, errDownload))
}

// checkout is for programs that are built without paths, whose linker says where their source is:
//
//	go build -trimpath -ldflags=-X=github.com/silo-os/silo/images.checkout=DIR ./cmd/silo
var checkout string

// ownCheckout returns the folder that this package was compiled in, if the program knows it
// and the folder still is silo's module.
func ownCheckout() string {
	dir := checkout
	if _, file, _, ok := runtime.Caller(0); dir == "" && ok && filepath.IsAbs(file) {
		dir = filepath.Dir(filepath.Dir(file)) // images is one below the root
	}
	if dir == "" {
		return ""
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !strings.HasPrefix(string(mod), "module "+siloModule+"\n") {
		return ""
	}
	return dir
}

// requiredSilo returns the folder of the silo that the module around g.dir is or requires.
func requiredSilo(ctx context.Context, g goTool) (string, error) {
	out, err := g.command("look up "+siloModule, "list", "-m", "-json", siloModule).output(ctx)
	if err != nil {
		return "", err
	}
	var m goModule
	if err := json.Unmarshal(out, &m); err != nil {
		return "", fmt.Errorf("look up %s: %w", siloModule, err)
	}
	if m.Dir == "" { // required, but not in the module cache
		return fetchSilo(ctx, g, m.Version)
	}
	return m.Dir, nil
}

// downloadSilo downloads the version of silo that this program was built from.
func downloadSilo(ctx context.Context, g goTool) (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", errors.New("this program does not know its own version")
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == siloModule && strings.HasPrefix(m.Version, "v") {
			return fetchSilo(ctx, g, m.Version)
		}
	}
	return "", errors.New("this program was built from no released version of " + siloModule)
}

// fetchSilo returns the folder of a version of silo in the module cache.
func fetchSilo(ctx context.Context, g goTool, version string) (string, error) {
	name := siloModule + "@" + version
	out, err := g.command("download "+name, "mod", "download", "-json", name).output(ctx)
	if err != nil {
		return "", err
	}
	var m goModule
	if err := json.Unmarshal(out, &m); err != nil {
		return "", fmt.Errorf("download %s: %w", name, err)
	}
	if m.Dir == "" {
		return "", fmt.Errorf("download %s: %v", name, m.Error)
	}
	return m.Dir, nil
}
