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
	"github.com/silo-os/silo/internal/vmtesting"
)

// testNode starts a node with a folder of its own, and returns what puts a command in touch with it.
func testNode(t *testing.T) (env []string, start func() *proc) {
	t.Helper()
	return testNodeBy(t, (*exec.Cmd).Start)
}

// testNodeBy is testNode, whose node is started in a way of the caller's.
func testNodeBy(t *testing.T, by func(*exec.Cmd) error) (env []string, start func() *proc) {
	t.Helper()
	dir, err := os.MkdirTemp("", "silo-")
	if err != nil {
		t.Fatal(err)
	}
	env = []string{"SILO_SOCKET=" + filepath.Join(dir, "node.sock")}
	t.Cleanup(func() {
		for _, pid := range vmtesting.MachinesIn(dir) {
			t.Errorf("a machine is left: process %d", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		os.RemoveAll(dir)
	})
	return env, func() *proc {
		t.Helper()
		p := siloBy(t, by, env, "node", "--dir", filepath.Join(dir, "state"))
		p.await(&p.err, "node serves on")
		return p
	}
}

// doing runs silo for what must succeed, and returns what it printed.
func doing(t *testing.T, env []string) func(args ...string) string {
	return func(args ...string) string {
		t.Helper()
		p := silo(t, env, args...)
		p.wants(0)
		return p.out.String()
	}
}

// TestNode is a guest's life under nodes that come and go, as people see it.
func TestNode(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	env, start := testNode(t)
	do := doing(t, env)
	node := start()
	if name := do("run", "-d", image, "--name", "kv", "--memory", "64M:256M", "--cpus", "0.5:1", "--", "count"); name != "kv\n" {
		t.Errorf("run -d printed %q", name)
	}
	silo(t, env, "run", "-d", image, "--name", "kv").wants(125, `a guest named "kv" is here already: choose another name, or remove it with: silo rm kv`)
	inspect := func() (g nodeapi.Guest) {
		t.Helper()
		if err := json.Unmarshal([]byte(do("inspect", "kv")), &g); err != nil {
			t.Fatal(err)
		}
		return g
	}
	pid := inspect().PID
	follower := silo(t, env, "logs", "-f", "kv")
	follower.await(&follower.out, "count 20\n")
	node.signal(syscall.SIGKILL)
	node.code()
	follower.code()
	silo(t, env, "ps").wants(125, "no silo node answers")
	start()
	do("set", "kv", "--memory", "64M:128M", "--weight", "300")
	if g := inspect(); g.PID != pid || g.Spec.Memory.Max != 128<<20 || g.Spec.Weight != 300 || g.Restarts != 0 {
		t.Errorf("%+v, it was process %d", g, pid)
	}
	silo(t, env, "set", "kv", "--memory", "64M:512M").wants(125, "start it anew with the larger maximum")
	if out := do("ps"); !strings.Contains(out, "kv") || !strings.Contains(out, "of 128 MiB") {
		t.Errorf("ps printed:\n%s", out)
	}
	if out := do("dump"); !strings.Contains(out, `"weight": 300`) {
		t.Errorf("dump printed:\n%s", out)
	}
	follower = silo(t, env, "logs", "-f", "kv")
	do("stop", "kv")
	follower.wants(0)
	if !strings.HasSuffix(follower.out.String(), "stopped\n") {
		t.Errorf("logs -f ended with %.80q", follower.out.String()[max(0, len(follower.out.String())-80):])
	}
	if out := do("ps"); strings.Contains(out, "kv") {
		t.Errorf("ps printed:\n%s", out)
	}
	if out := do("ps", "-a"); !strings.Contains(out, "ended (0)") {
		t.Errorf("ps -a printed:\n%s", out)
	}
	do("rm", "kv")
	silo(t, env, "inspect", "kv").wants(125, `there is no guest named "kv"`)
}

// TestRunOnNode: with a node, silo run is as without one.
func TestRunOnNode(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	env, start := testNode(t)
	node := start()
	p := silo(t, env, "run", image, "--", "exit", "5")
	p.wants(5, "leaving\n")
	p = silo(t, env, "run", image, "--", "wait")
	p.await(&p.out, "waiting")
	node.signal(syscall.SIGKILL) // it goes on with the next one
	node.code()
	start()
	p.signal(os.Interrupt)
	p.wants(3, "silo: asked app to end, it has 10s; once more kills it\n")
	if p.out.String() != "waiting\nasked to end\n" {
		t.Errorf("printed %q", p.out.String())
	}
	p = silo(t, env, "run", image, "--", "stubborn")
	p.await(&p.out, "waiting")
	p.signal(syscall.SIGINT)
	p.await(&p.err, "once more kills it")
	p.signal(syscall.SIGINT)
	p.wants(130, "silo: killed\n")
	p = silo(t, env, "ps", "-a")
	p.wants(0)
	if strings.Contains(p.out.String(), "app") {
		t.Errorf("guests stay:\n%s", p.out.String())
	}
}

// TestRestartOnFailure: a guest that fails is started again, and says how often.
func TestRestartOnFailure(t *testing.T) {
	t.Parallel()
	image := appImage(t).Dir
	env, start := testNode(t)
	start()
	silo(t, env, "run", "-d", image, "--name", "kv", "--restart", "on-failure", "--", "exit", "1").wants(0)
	p := silo(t, env, "logs", "-f", "kv")
	p.await(&p.err, "leaving\nleaving\n")
	silo(t, env, "kill", "kv").wants(0)
	p.wants(0)
	p = silo(t, env, "inspect", "kv")
	p.wants(0)
	var g nodeapi.Guest
	if err := json.Unmarshal([]byte(p.out.String()), &g); err != nil || g.Restarts == 0 || g.State != nodeapi.StateEnded {
		t.Errorf("%+v, %v", g, err)
	}
}
