package movetest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/internal/lockedbuf"
	"github.com/silo-os/silo/internal/nettest"
	"github.com/silo-os/silo/internal/vmtesting/machines"
)

// Node is one host of a Pair.
type Node struct {
	Client *nodeapi.Client
	Dir    string

	t     testing.TB
	on    *nettest.Host
	set   settings
	cmd   *exec.Cmd
	ended chan struct{}
	words *lockedbuf.Buffer // what the node says
}

func newNode(t testing.TB, on *nettest.Host, s settings) *Node {
	t.Helper()
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	n := &Node{t: t, Dir: s.Dir, on: on, set: s, words: &lockedbuf.Buffer{}}
	var err error
	if n.Client, err = nodeapi.NewClient(nodeapi.Target{Socket: filepath.Join(s.Dir, "node.sock")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Kill()
		for _, pid := range machines.In(n.Dir) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if t.Failed() {
			t.Logf("node %s said:\n%s", s.Name, n.words)
		}
	})
	return n
}

// Name is what the node's peers call it.
func (n *Node) Name() string { return n.set.Name }

// patience is how long is waited for what takes a fraction of it on an idle machine.
const patience = 60 * time.Second

// Start starts the node; at a point, "" = none, it pauses, or with a "!" before it, is killed.
func (n *Node) Start(point string) {
	n.t.Helper()
	for _, f := range []string{"paused", "on"} {
		_ = os.Remove(filepath.Join(n.Dir, f))
	}
	n.set.Pause = point
	text, err := json.Marshal(n.set)
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), settingsEnv+"="+string(text))
	if n.set.Silo != "" {
		cmd = exec.Command(n.set.Silo, n.set.flags(n.t)...)
	}
	cmd.Stderr = n.words
	if err := n.on.Start(cmd); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan struct{})
	n.cmd, n.ended = cmd, ended
	go func() { _ = cmd.Wait(); close(ended) }()
	n.Until("the node to answer", func() bool {
		_, err := n.Client.Info(n.t.Context())
		return err == nil || n.hasEnded()
	})
}

func (n *Node) hasEnded() bool {
	select {
	case <-n.ended:
		return true
	default:
		return false
	}
}

// Kill is kill -9.
func (n *Node) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
}

// Paused waits until the node pauses, and On lets it go on.
func (n *Node) Paused() {
	n.t.Helper()
	n.Until("the point to be reached", func() bool {
		_, err := os.Stat(filepath.Join(n.Dir, "paused"))
		return err == nil
	})
}

// On lets a node go on that pauses.
func (n *Node) On() { _ = os.WriteFile(filepath.Join(n.Dir, "on"), nil, 0o600) }

// Dies waits until the node was killed at its point.
func (n *Node) Dies() {
	n.t.Helper()
	n.Until("the point to be reached", n.hasEnded)
}
