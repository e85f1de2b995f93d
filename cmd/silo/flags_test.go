package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
)

// wantErr fails the test unless err is nil exactly if want is empty, and has want in it otherwise.
func wantErr(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

func TestMemoryFlag(t *testing.T) {
	const m, g = 1 << 20, 1 << 30
	for _, c := range []struct {
		in   string
		want span
		err  string
	}{
		{"48M:2G", span{48 * m, 2 * g}, ""},
		{"64m:1.5GiB", span{64 * m, 1.5 * g}, ""},
		{"64MB:", span{64 * m, 0}, ""},
		{"128M", span{128 * m, 128 * m}, ""},
		{"131072K:1T", span{128 * m, 1 << 40}, ""},
		{"", span{}, `"" is not a size: write it like 48M or 2G`},
		{":2G", span{}, `"" is not a size`},
		{"48X:2G", span{}, `"48X" is not a size`},
		{"-4M", span{}, `"-4M" is not a size`},
		{"0", span{}, `"0" is not a size`},
		{"99999999999999T", span{}, "is not a size"},
		{"64M:32M", span{}, "32M is less than 64M: write MIN:MAX with the smaller one first"},
		{"50M", span{}, "use 48 MiB or 52 MiB"},
		{"1K", span{}, "use 4.0 MiB"},
		{"64M:128M:256M", span{}, `"128M:256M" is not a size`},
	} {
		t.Run(c.in, func(t *testing.T) {
			var f memoryFlag
			wantErr(t, f.Set(c.in), c.err)
			if f.span != c.want {
				t.Errorf("got %+v, want %+v", f.span, c.want)
			}
		})
	}
}

// TestMemoryForImage: an image that needs more than the default gets it, unless somebody said how much it is to have.
func TestMemoryForImage(t *testing.T) {
	const m = 1 << 20
	archive := filepath.Join(t.TempDir(), "initramfs")
	for _, c := range []struct {
		size int64
		flag string // "" = not given
		want node.Memory
	}{
		{10 * m, "", node.Memory{Min: 64 * m, Max: 1024 * m}},
		{59*m + 1, "", node.Memory{Min: 92 * m, Max: 1024 * m}},
		{1200 * m, "", node.Memory{Min: 1232 * m, Max: 1232 * m}},
		{59*m + 1, "64M:1G", node.Memory{Min: 64 * m, Max: 1024 * m}}, // refused by the node, with the fix
	} {
		if err := os.WriteFile(archive, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(archive, c.size); err != nil {
			t.Fatal(err)
		}
		var f memoryFlag
		if c.flag != "" {
			wantErr(t, f.Set(c.flag), "")
		}
		if got := f.forImage(node.Memory{Min: 64 * m, Max: 1024 * m}, archive); got != c.want {
			t.Errorf("%d bytes, --memory %q: %+v, want %+v", c.size, c.flag, got, c.want)
		}
	}
	if got := new(memoryFlag).forImage(node.Memory{Min: 64 * m}, archive); got != (node.Memory{Min: 92 * m}) {
		t.Errorf("without a maximum: %+v", got)
	}
}

func TestWaitFlag(t *testing.T) {
	for _, c := range []struct {
		in   string
		want time.Duration // 0 = the image's, 7 s
		err  string
	}{
		{"30s", 30 * time.Second, ""},
		{"500ms", 500 * time.Millisecond, ""},
		{"30", 7 * time.Second, "write it as 500ms, 30s or 2m"},
		{"-1s", 7 * time.Second, "at least 1ms"},
		{"1us", 7 * time.Second, "at least 1ms"},
		{"0", 0, ""},
	} {
		t.Run(c.in, func(t *testing.T) {
			var f waitFlag
			wantErr(t, f.Set(c.in), c.err)
			if got := f.or(7 * time.Second); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestCPUsFlag(t *testing.T) {
	for _, c := range []struct {
		in   string
		want span
		err  string
	}{
		{"1:2", span{1000, 2000}, ""},
		{"0.5:1.25", span{500, 1250}, ""},
		{"2", span{2000, 2000}, ""},
		{"1:", span{1000, 0}, ""},
		{"0", span{}, `"0" is not a number of vCPUs`},
		{"nan", span{}, "is not a number of vCPUs"},
		{"-1", span{}, "is not a number of vCPUs"},
		{"1:65", span{}, "at most 64"},
		{"2:1", span{}, "1 is less than 2"},
	} {
		t.Run(c.in, func(t *testing.T) {
			var f cpusFlag
			wantErr(t, f.Set(c.in), c.err)
			if f.span != c.want {
				t.Errorf("got %+v, want %+v", f.span, c.want)
			}
		})
	}
}

func TestPortFlag(t *testing.T) {
	for _, c := range []struct {
		in   string
		want vmm.Forward
		err  string
	}{
		{"8080:80", vmm.Forward{HostPort: 8080, GuestPort: 80}, ""},
		{"0.0.0.0:8080:80/tcp", vmm.Forward{HostIP: "0.0.0.0", HostPort: 8080, GuestPort: 80, Proto: "tcp"}, ""},
		{"0:53/udp", vmm.Forward{GuestPort: 53, Proto: "udp"}, ""},
		{"8080", vmm.Forward{}, "not HOST:GUEST: write it like 8080:80"},
		{"8080:0", vmm.Forward{}, `"0" is not a port of the guest`},
		{"80800:80", vmm.Forward{}, `"80800" is not a port of the host`},
		{"a:80", vmm.Forward{}, `"a" is not a port of the host`},
		{"8080:80/sctp", vmm.Forward{}, `"sctp" is not a protocol`},
		{"1:2:3:4", vmm.Forward{}, "not HOST:GUEST"},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, err := parsePort(c.in)
			wantErr(t, err, c.err)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	own := func(name string) (string, bool) { return "mine", name == "MINE" }
	got, err := environment([]string{"A=1", "EMPTY=", "MINE", "NOT_SET", "B=x=y"}, own)
	if want := []string{"A=1", "EMPTY=", "MINE=mine", "B=x=y"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "=1", "A B=1"} {
		_, err := environment([]string{bad}, own)
		wantErr(t, err, "no name: write it like -e NAME=VALUE")
	}
}

func TestHostName(t *testing.T) {
	for in, want := range map[string]string{"kv": "kv", "My_App.exe": "My-App-exe", "-x-": "x", "": "", strings.Repeat("x", 100): strings.Repeat("x", 63)} {
		if got := hostName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestGoPackage(t *testing.T) {
	t.Chdir(t.TempDir())
	mkdir(t, "app/cmd")
	for in, want := range map[string]string{"app/cmd": "./app/cmd", "./app": "./app", "app/": "./app", "example.com/x": "example.com/x", ".": "./.", "missing": "missing"} {
		if got := goPackage(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
