package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/nodeapi"
)

// What makes no sense is one error that names the fix, before anything is touched.
func TestMovingFlags(t *testing.T) {
	dir := t.TempDir()
	peers := filepath.Join(dir, "peers.json")
	if err := os.WriteFile(peers, []byte(`{"peers": [{"name": "b", "address": "10.0.0.3:7000"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	node := []string{"node", "--dir", filepath.Join(dir, "state"), "--socket", filepath.Join(dir, "s")}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"peers alone":     {append(node, "--peers", peers), "give --listen"},
		"no address":      {append(node, "--peers", peers, "--listen", ":7000"), "give it with --move-address"},
		"any address":     {append(node, "--peers", peers, "--listen", "0.0.0.0:7000"), "give it with --move-address"},
		"with a port":     {append(node, "--peers", peers, "--listen", "127.0.0.1:0", "--move-address", "10.0.0.2:7000"), "give the address alone: 10.0.0.2"},
		"no file":         {append(node, "--peers", peers+"x", "--listen", "127.0.0.1:0"), "no such file"},
		"no certificate":  {append(node, "--peers", peers, "--listen", "127.0.0.1:0"), "--tls-cert"},
		"one argument":    {[]string{"migrate", "kv"}, "a guest and a host are to be named"},
		"no host":         {[]string{"drain"}, "the host to be emptied is to be named"},
		"nobody answers":  {[]string{"migrate", "kv", "b", "--socket", filepath.Join(dir, "s")}, "start one with: silo node"},
		"nobody to drain": {[]string{"drain", "b", "--socket", filepath.Join(dir, "s")}, "start one with: silo node"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(c.args, &out, &errs); code == 0 || !strings.Contains(errs.String(), c.want) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("exit %d, told %q; want %q", code, errs.String(), c.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "s")); err == nil {
		t.Error("a socket is left")
	}
}

func TestDescribeMove(t *testing.T) {
	for want, m := range map[string]nodeapi.Move{
		"kv runs on b: 64 MiB copied of 128 MiB, 16 ms still, 0.9 s in all": {
			Guest: "kv", To: "b", State: "moved", Bytes: 64 << 20, Held: 128 << 20, DowntimeMS: 15.9, TookMS: 893},
		"kv has ended on its way to b: its machine ended": {Guest: "kv", To: "b", State: "ended", Error: "its machine ended"},
		"kv stays: no peer answers":                       {Guest: "kv", State: "stayed", Error: "no peer answers"},
	} {
		if got := describeMove(m); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	table := peerTable(nodeapi.Info{Name: "a", FreeMemory: 1 << 30, FreeMilliCPU: 1500}, []nodeapi.Peer{
		{Name: "b", Address: "b:1", Alive: true, Memory: 2 << 30, MilliCPU: 4000}, {Name: "c", Address: "c:1", Error: "refused"}, {Name: "d", Address: "d:1"},
	})
	for _, line := range []string{"1.0 GiB", "1.5", "this node", "2.0 GiB", "alive", "does not answer: refused", "not asked yet"} {
		if !strings.Contains(table, line) {
			t.Errorf("%q is not in\n%s", line, table)
		}
	}
}
