package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/manifest"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/images"
)

const shop = `name: shop
memory: 64M:256M
cpus: 0.5:2
weight: 7
network: restricted
shutdown: 3s
hello: 1m
answer-within: 20s
template: off
dir: /data
ports: [8080:80, 5353:53/udp]
dns: [9.9.9.9, 2620:fe::fe]
args: [-v, two]
env: {A: file, B: file}
secrets: {TOKEN: {file: token}, KEY: {env: SHOP_KEY}}
files: {/etc/shop: conf}
readiness: {http: 80/healthz, every: 500ms}
liveness: {tcp: 80, failures: 5}
watchdog: 10s
core: crashes
`

// specOf is what silo run would start.
func specOf(t *testing.T, folder string, args ...string) (s node.GuestSpec, o runOptions) {
	t.Helper()
	o = runOptions{memory: memoryFlag{span: span{least: 64 << 20}}, cpus: cpusFlag{span{least: 1000}}}
	w := &world{lookupEnv: func(name string) (string, bool) { return "from silo", name == "SHOP_KEY" }}
	cmd := &cobra.Command{Use: "run", RunE: func(cmd *cobra.Command, args []string) error {
		given, err := o.readManifest(cmd, args)
		if err != nil {
			return err
		}
		s, err = o.spec(w, given)
		return err
	}}
	o.register(cmd, w)
	cmd.SetArgs(append([]string{folder}, args...))
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	return s, o
}

func shopFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{manifest.FileName: shop, "token": "s3cret\n", "conf": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestManifestMakesTheGuest(t *testing.T) {
	dir := shopFolder(t)
	got, o := specOf(t, dir)
	want := node.GuestSpec{
		Name: "shop", Memory: node.Memory{Min: 64 << 20, Max: 256 << 20}, CPU: node.CPU{MinMilli: 500, MaxMilli: 2000}, Weight: 7,
		Network: vmm.NetworkRestricted, ShutdownWithin: 3 * time.Second, HelloDeadline: time.Minute, Dir: "/data",
		Ports: []vmm.Forward{{HostPort: 8080, GuestPort: 80}, {HostPort: 5353, GuestPort: 53, Proto: "udp"}},
		DNS:   []string{"9.9.9.9", "2620:fe::fe"}, Args: []string{"-v", "two"},
		Env:       []string{"TOKEN=s3cret", "KEY=from silo", "A=file", "B=file"},
		Readiness: &hvcall.Probe{Port: 80, Path: "/healthz", EveryMS: 500}, Liveness: &hvcall.Probe{Port: 80, Failures: 5}, Watchdog: 10 * time.Second, AnswerWithin: 20 * time.Second, Cores: filepath.Join(dir, "crashes"),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if want := []images.File{{Path: "/etc/shop", Source: filepath.Join(dir, "conf")}}; !slices.Equal(manifestFiles(o.manifest), want) {
		t.Errorf("files %v, want %v", manifestFiles(o.manifest), want)
	}
}

func TestFlagsOverrideTheManifest(t *testing.T) {
	got, _ := specOf(t, shopFolder(t), "--memory", "128M", "-p", "9000:90", "-e", "A=flag", "-e", "TOKEN=flag", "--name", "other",
		"--", "mine")
	if got.Memory != (node.Memory{Min: 128 << 20, Max: 128 << 20}) || got.Name != "other" || got.CPU.MinMilli != 500 {
		t.Errorf("%+v %q %+v", got.Memory, got.Name, got.CPU)
	}
	if want := []vmm.Forward{{HostPort: 9000, GuestPort: 90}}; !slices.Equal(got.Ports, want) {
		t.Errorf("ports %v, want only the flag's", got.Ports)
	}
	if want := []string{"A=flag", "TOKEN=flag", "KEY=from silo", "B=file"}; !slices.Equal(got.Env, want) {
		t.Errorf("environment %q, want %q", got.Env, want)
	}
	if want := []string{"mine"}; !slices.Equal(got.Args, want) {
		t.Errorf("arguments %q, want %q", got.Args, want)
	}
}

// TestOneNetworkOfTwo: the flags choose another than the manifest.
func TestOneNetworkOfTwo(t *testing.T) {
	got, _ := specOf(t, shopFolder(t), "--net", "bridge=br0,ip=192.0.2.7/24")
	if got.Bridge == nil || got.Bridge.Bridge != "br0" || len(got.Ports) != 0 || got.Network != vmm.NetworkUser {
		t.Errorf("bridge %v, ports %v, network %q", got.Bridge, got.Ports, got.Network)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, manifest.FileName), []byte("bridge: bridge=br1,ip=192.0.2.8/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ = specOf(t, dir); got.Bridge == nil || got.Bridge.Bridge != "br1" {
		t.Errorf("bridge %v, want the manifest's", got.Bridge)
	}
	if got, _ = specOf(t, dir, "-p", "80:80"); got.Bridge != nil || len(got.Ports) != 1 {
		t.Errorf("bridge %v, ports %v, want the flag's", got.Bridge, got.Ports)
	}
}

func TestManifestIsFound(t *testing.T) {
	dir := shopFolder(t)
	for what, found := range map[string]bool{dir: true, t.TempDir(): false, "example.org/shop": false, filepath.Join(dir, "conf"): false} {
		m, err := findManifest("", what)
		if err != nil || (m != nil) != found {
			t.Errorf("%s: %v, %v", what, m, err)
		}
	}
}
