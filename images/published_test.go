package images

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"
)

func TestParsePublished(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("till@home", 0o755); err != nil {
		t.Fatal(err)
	}
	for pkg, want := range map[string]published{
		"example.org/shop/v2/cmd/till@v2.1.0": {"example.org/shop/v2/cmd/till", "v2.1.0"},
		"example.org/shop@latest":             {"example.org/shop", "latest"},
		"example.org/shop@":                   {"example.org/shop", ""},
		"example.org/shop@main@x":             {"example.org/shop", "main@x"},
		"example.org/shop":                    {},
		"./shop@v1":                           {},
		"/srv/shop@v1":                        {},
		"till@home":                           {}, // a folder that is there
		"@v1":                                 {},
		"":                                    {},
	} {
		got, ok := parsePublished(pkg)
		if got != want || ok != (want != published{}) {
			t.Errorf("%q: %+v, %v; want %+v", pkg, got, ok, want)
		}
	}
}

// proxied has the go command know nothing but the modules of testdata/proxy, and keep nothing of them.
func proxied(t *testing.T) {
	t.Helper()
	proxy := goproxytest.NewTestServer(t, "testdata/proxy", "")
	t.Setenv("GOPROXY", proxy.URL)
	t.Setenv("GONOSUMDB", "*")
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw")
	t.Setenv("GOTOOLCHAIN", "local")
}

// fetch does all that is done for a published program but packing it.
func fetch(t *testing.T, pkg string) (Program, error) {
	t.Helper()
	dir := t.TempDir()
	app, path, err := Config{Package: pkg}.source(t.Context(), dir, goTool{dir: dir})
	if err != nil {
		return Program{}, err
	}
	if err := app.findMain(t.Context(), path); err != nil {
		return Program{}, err
	}
	out := filepath.Join(dir, "app")
	if err := app.build(t.Context(), path, out); err != nil {
		return Program{}, err
	}
	return describeProgram(out)
}

func TestPublishedProgram(t *testing.T) {
	proxied(t)
	const till = "example.org/shop/v2/cmd/till"
	newest, err := fetch(t, till+"@latest")
	if err != nil {
		t.Fatal(err)
	}
	if newest.Package != till || newest.Module != "example.org/shop/v2" || newest.Version != "v2.1.0" {
		t.Errorf("it says of itself %+v", newest)
	}
	if again, err := fetch(t, till+"@v2.1.0"); err != nil || again != newest {
		t.Errorf("the same version gives %+v, %v", again, err)
	}
	if older, err := fetch(t, till+"@v2.0.0"); err != nil || older.BuildID == newest.BuildID || older.Version != "v2.0.0" {
		t.Errorf("another version gives %+v, %v", older, err)
	}
}

func TestPublishedRefusals(t *testing.T) {
	proxied(t)
	for _, c := range []struct {
		pkg string
		as  any
		say string
	}{
		{"example.org/shop/v2/cmd/till@", new(*UnpublishedError), "no version stands behind the @"},
		{"example.org/shop/v2/cmd/till@v2.9.0", new(*UnpublishedError), "v2.9.0"},
		{"example.org/shop/v2/cmd/absent@v2.1.0", new(*UnpublishedError), "does not contain package"},
		{"example.org/nowhere@latest", new(*UnpublishedError), "example.org/nowhere"},
		{"example.org/shop/v2/cmd/till@none", new(*UnpublishedError), "no version stands behind the @"},
		{"example.org/shop/v2/lib@v2.1.0", new(*NotMainError), "is named lib, not main"},
		{"example.org/shop/v2/broken@v2.1.0", new(*CommandError), "undefined: nothing"},
	} {
		_, err := fetch(t, c.pkg)
		if !errors.As(err, c.as) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: error %T %v\nwant %T that says %q", c.pkg, err, err, c.as, c.say)
		}
	}
}
