package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/silo-os/silo/host/nodeapi"
)

// fsck fails the test unless a volume's file system is whole.
func fsck(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command("/usr/sbin/fsck.ext4", "-f", "-n", path).CombinedOutput(); err != nil {
		t.Errorf("fsck.ext4 -f -n: %v:\n%s", err, out)
	}
}

// TestVolume is a volume's life: it is made, outlives guests that end well and ones that are killed, is for one guest at
// a time, and is removed.
func TestVolume(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	state := t.TempDir()
	env := []string{"SILO_STATE=" + state}
	db := filepath.Join(state, "volumes", "db.img")
	run := func(args ...string) *proc {
		t.Helper()
		return silo(t, env, append([]string{"run", image, "--alone", "-v", "db:/data/deep,size=64M", "--"}, args...)...)
	}
	run("keep", "/data/deep/word", "first").wants(0)
	fsck(t, db) // it was unmounted
	p := run("recall", "/data/deep/word")
	p.wants(0)
	if got := p.out.String(); got != "first\n" {
		t.Errorf("the next guest read %q", got)
	}

	holder := run("keep", "/data/deep/word", "second", "hold")
	holder.await(&holder.out, "kept")
	run("recall", "/data/deep/word").wants(125, "silo: volume db: a guest uses it, and a volume is for one at a time: end that guest first, or use another volume")
	silo(t, env, "volume", "rm", "--alone", "db").wants(125, "volume db: a guest uses it")
	ls := silo(t, env, "volume", "ls", "--alone", "--json")
	ls.wants(0)
	var listed []nodeapi.Volume
	if err := json.Unmarshal([]byte(ls.out.String()), &listed); err != nil || len(listed) != 1 || !listed[0].Busy || listed[0].Size != 64<<20 {
		t.Errorf("listed as %+v, %v", listed, err)
	}
	if err := syscall.Kill(holder.qemu(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	holder.wants(122)
	p = run("recall", "/data/deep/word")
	p.wants(0)
	if got := p.out.String(); got != "second\n" {
		t.Errorf("after a kill the next guest read %q", got)
	}
	fsck(t, db)

	silo(t, env, "run", image, "--alone", "-v", "db:/data,ro", "--", "keep", "/data/word", "x").wants(2, "read-only file system")
	silo(t, env, "run", image, "--alone", "-v", "db:/data,size=1G").wants(125, "volume db: it has 64 MiB and cannot have 1.0 GiB")
	silo(t, env, "volume", "rm", "--alone", "db").wants(0)
	if _, err := os.Stat(db); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestSpoiltVolume: a guest whose volume is no file system does not start its application, and says why.
func TestSpoiltVolume(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	state := t.TempDir()
	if err := os.MkdirAll(filepath.Join(state, "volumes"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "volumes", "db.img"), make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	p := silo(t, []string{"SILO_STATE=" + state}, "run", image, "--alone", "-v", "db:/data")
	p.wants(125, "mount volume db at /data: ", "it has no whole ext4 file system: look at it with fsck.ext4 on the host, or remove it with: silo volume rm db")
	if strings.Contains(p.out.String(), "hello") {
		t.Error("the application ran")
	}
}

// TestFolder: guest and host see each other's files; what is to be read-only is.
func TestFolder(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "word"), []byte("from the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(mount string, args ...string) *proc {
		t.Helper()
		return silo(t, nil, append([]string{"run", image, "--alone", "-v", dir + ":" + mount, "--"}, args...)...)
	}
	p := run("/src", "recall", "/src/word")
	p.wants(0)
	if got := p.out.String(); got != "from the host\n" {
		t.Errorf("the guest read %q", got)
	}
	run("/src", "keep", "/src/answer", "from the guest").wants(0)
	if b, err := os.ReadFile(filepath.Join(dir, "answer")); err != nil || string(b) != "from the guest" {
		t.Errorf("the host reads %q, %v", b, err)
	}
	run("/src,ro", "recall", "/src/answer").wants(0)
	run("/src,ro", "keep", "/src/answer", "x").wants(2, "read-only file system")
}

// TestVolumeOfNode: a guest of a node keeps its volume while nodes come and go, and the volume is kept when the guest is
// removed.
func TestVolumeOfNode(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	env, start := testNode(t)
	do := doing(t, env)
	node := start()
	do("run", "-d", image, "--name", "kv", "-v", "db:/data,size=64M", "--memory", "64M:256M", "--", "keep", "/data/word", "kept by a node", "hold")
	follower := silo(t, env, "logs", "-f", "kv")
	follower.await(&follower.out, "kept")
	node.signal(syscall.SIGKILL)
	node.code()
	follower.code()
	start()
	silo(t, env, "volume", "rm", "db").wants(125, "volume db: a guest uses it")
	silo(t, env, "run", "-d", image, "-v", "db:/data").wants(125, "volume db: a guest uses it, and a volume is for one at a time")
	do("kill", "kv")
	do("rm", "kv")
	if out := do("run", image, "-v", "db:/data", "--", "recall", "/data/word"); out != "kept by a node\n" {
		t.Errorf("the next guest read %q", out)
	}
	if out := do("volume", "ls"); !strings.Contains(out, "db    64 MiB") {
		t.Errorf("volume ls printed:\n%s", out)
	}
	if os.Geteuid() == 0 {
		silo(t, env, "run", "-d", image, "-v", "./testdata:/src").wants(125, "guests of this node run as users without rights to any folder: use a named volume, or silo run --alone")
	}
	do("volume", "rm", "db")
}
