package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// TestCausesAreToldApart: for each way in which a guest ends, the host has a cause of its own, an exit code, and words that
// name it; with a node, which keeps them, and without one.
func TestCausesAreToldApart(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	env, start := testNode(t)
	start()
	for _, c := range []struct {
		does        string
		flags       []string
		code        int
		cause       hvcall.Cause
		text, trace string // some of what the host was told
		says        string // some of what silo run says beside the application's output
		passedOn    bool   // TestRunPassesOn has the same without a node
	}{
		{"exit 7", nil, 7, hvcall.CauseExit, "exit code 7", "", "", true},
		{"panic", nil, 2, hvcall.CausePanic, "panic: boo", "goroutine 1 [running]:\nmain.main()", "", true},
		{"signal", nil, 137, hvcall.CauseSignal, "signal 9", "", "silo: the application was ended by signal 9", true},
		{"hoard", []string{"--memory", "64M:96M", "--refuse-after", "1s"}, 137, hvcall.CauseRefused, "memory refused by host", "",
			"silo: the application waited in vain for memory and was ended", false},
		{"ungated", []string{"--memory", "64M:96M"}, 137, hvcall.CauseMemory, "for want of memory", "",
			"silo: the guest's kernel killed the application for want of memory", false},
		{"kernel", nil, 123, hvcall.CauseKernel, "Attempted to kill init!", "", "silo: guest kernel panicked: Attempted to kill init!", false},
	} {
		does := strings.Fields(c.does)
		t.Run(does[0], func(t *testing.T) {
			t.Parallel()
			args := append(append([]string{"run", dir, "--name", does[0]}, c.flags...), append([]string{"--"}, does...)...)
			if !c.passedOn || !testing.Short() {
				alone := silo(t, nil, append([]string{"run", "--alone"}, args[1:]...)...)
				alone.wants(c.code, c.says)
			}

			silo(t, env, append([]string{"run", "-d"}, args[1:]...)...).wants(0)
			silo(t, env, "logs", "-f", does[0]).wants(0)
			p := silo(t, env, "inspect", does[0])
			p.wants(0)
			var g nodeapi.Guest
			if err := json.Unmarshal([]byte(p.out.String()), &g); err != nil {
				t.Fatal(err)
			}
			if e := g.Exit; e == nil || e.Cause != c.cause || e.Code != c.code || !strings.Contains(e.Text, c.text) || !strings.Contains(e.Trace, c.trace) {
				t.Errorf("the node knows of %+v, want cause %s, code %d, %q, %q", e, c.cause, c.code, c.text, c.trace)
			}
			silo(t, env, "rm", does[0]).wants(0)
		})
	}
}
