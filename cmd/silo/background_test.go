package main

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// background starts a command whose error output goes to stderr.txt; interrupt ends it, as does the script's end.
func background(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: background COMMAND [ARGS]")
	}
	f, err := os.Create(ts.MkAbs("stderr.txt"))
	ts.Check(err)
	defer f.Close()
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir, cmd.Stderr = ts.MkAbs("."), f
	for _, name := range []string{"PATH", "HOME", "SILO_SOCKET", "SILO_CACHE", "WORK"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	running.Store(ts, cmd)
	ts.Defer(func() { stopBackground(ts, syscall.SIGKILL) })
}

// running is what runs in the background of each script.
var running sync.Map // *testscript.TestScript → *exec.Cmd

func stopBackground(ts *testscript.TestScript, s syscall.Signal) {
	cmd, ok := running.LoadAndDelete(ts)
	if !ok {
		return
	}
	_ = cmd.(*exec.Cmd).Process.Signal(s)
	_ = cmd.(*exec.Cmd).Wait() // it ended by the signal
}

// interrupt ends what is in the background by a signal, and waits for it: interrupt INT|KILL
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	if neg || len(args) != 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: interrupt INT|KILL")
	}
	stopBackground(ts, signals[args[0]])
}

// fill writes a file until its disk is full.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte{'x'}, 64<<10))
	}
}
