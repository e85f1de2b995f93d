package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/silo-os/silo/host/node"
)

func TestParseVolume(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   string
		want node.Volume
		err  string
	}{
		{"db:/data", node.Volume{Name: "db", Path: "/data"}, ""},
		{"db:/data,size=2G", node.Volume{Name: "db", Path: "/data", Size: 2 << 30}, ""},
		{"db:/data,ro,size=16M", node.Volume{Name: "db", Path: "/data", Size: 16 << 20, ReadOnly: true}, ""},
		{"./site:/srv,ro", node.Volume{Dir: filepath.Join(here, "site"), Path: "/srv", ReadOnly: true}, ""},
		{".:/srv", node.Volume{Dir: here, Path: "/srv"}, ""},
		{"../x/:/srv", node.Volume{Dir: filepath.Join(filepath.Dir(here), "x"), Path: "/srv"}, ""},
		{"/etc/ssl:/tls", node.Volume{Dir: "/etc/ssl", Path: "/tls"}, ""},
		{"db", node.Volume{}, `"db": not SOURCE:/PATH: write it like data:/data, data:/data,size=2G or ./site:/site,ro`},
		{"", node.Volume{}, "not SOURCE:/PATH"},
		{":/data", node.Volume{}, "not SOURCE:/PATH"},
		{"db:", node.Volume{}, "not SOURCE:/PATH"},
		{"db:/data,size=", node.Volume{}, `"" is not a size`},
		{"db:/data,size=many", node.Volume{}, `"many" is not a size`},
		{"db:/data,ro=false", node.Volume{}, "ro takes no value"},
		{"db:data", node.Volume{}, `"db:data": "data": it is not an absolute path: give a path such as /data`},
		{"db:/", node.Volume{}, "a volume cannot be the whole of the guest"},
		{"d/b:/data", node.Volume{}, `volume "d/b": not a name`},
		{"./site:/srv,size=2G", node.Volume{}, `"./site:/srv,size=2G": a folder has no size: leave the size out`},
		{"db:/data,size=1M", node.Volume{}, "use 16M to 16T"},
		{"db:/data,fast", node.Volume{}, `"fast" is not an option`},
	} {
		t.Run(c.in, func(t *testing.T) {
			var f volumesFlag
			err := f.Set(c.in)
			wantErr(t, err, c.err)
			if err == nil && f[0] != c.want {
				t.Errorf("got %+v, want %+v", f[0], c.want)
			}
		})
	}
}
