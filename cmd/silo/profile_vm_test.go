package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestManifestAndProfiles: a package runs as its manifest says, and is looked at while it does.
func TestManifestAndProfiles(t *testing.T) {
	t.Parallel()
	appImage(t)
	env, start := testNode(t)
	start()
	p := silo(t, append(env, "SHOP_TOKEN=s3cret"), "run", "-d", "testdata/shop")
	p.wants(0)
	if p.out.String() != "corner\n" {
		t.Fatalf("run -d printed %q", p.out.String())
	}
	log := silo(t, env, "logs", "-f", "corner")
	log.await(&log.out, `"good morning" <nil> in /etc/shop, args ["open" "all day"], token "s3cret", stage "test"`)
	ready := func() bool {
		p := silo(t, env, "ps")
		p.wants(0)
		return strings.Contains(p.out.String(), "running, ready")
	}
	for end := time.Now().Add(patience); !ready(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the probe never found that it serves")
		}
	}
	p = silo(t, env, "inspect", "corner")
	if p.wants(0); strings.Contains(p.out.String(), "s3cret") {
		t.Error("the node shows the secret")
	}
	p = silo(t, env, "stack", "corner")
	if p.wants(0); !strings.Contains(p.out.String(), "main.sells(") {
		t.Errorf("stack printed:\n%s", p.out.String())
	}
	file := filepath.Join(t.TempDir(), "heap.pb.gz")
	silo(t, env, "pprof", "corner", "--kind", "heap", "-o", file).wants(0)
	if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), "\x1f\x8b") {
		t.Errorf("pprof wrote %.20q, %v", b, err)
	}
	silo(t, env, "stack", "--quit", "corner").wants(0, "sent SIGQUIT to corner")
	log.wants(0)
	if !strings.Contains(log.err.String(), "SIGQUIT: quit") || !strings.Contains(log.err.String(), "main.sells(") {
		t.Errorf("the log has no stacks:\n%s", log.err.String())
	}
	silo(t, env, "rm", "corner").wants(0)

	// A program that does not speak with silo cannot be asked without ending it, and is not.
	silo(t, env, "run", "-d", appImage(t).Dir, "--name", "plain", "--", "wait").wants(0)
	log = silo(t, env, "logs", "-f", "plain")
	log.await(&log.out, "waiting")
	silo(t, env, "stack", "plain").wants(125, "does not speak with silo", "--quit")
	silo(t, env, "kill", "plain").wants(0)
	log.wants(0)
}
