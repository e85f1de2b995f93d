package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/hvcall"
)

func TestVerdict(t *testing.T) {
	killed := hvcall.Exit{Cause: hvcall.CauseHost, Code: node.CodeKilled, Signal: 9, Text: "killed by the host"}
	for _, c := range []struct {
		name   string
		exit   hvcall.Exit
		err    error
		signal os.Signal
		code   int
		says   string // "" = nothing at all
	}{
		{name: "success", exit: hvcall.Exit{Cause: hvcall.CauseExit}},
		{name: "code", exit: hvcall.Exit{Cause: hvcall.CauseExit, Code: 7}, code: 7},
		{name: "panic is told by the application", exit: hvcall.Exit{Cause: hvcall.CausePanic, Code: 2, Trace: "goroutine 1"}, code: 2},
		{name: "panic with a core", exit: hvcall.Exit{Cause: hvcall.CausePanic, Code: 134, Signal: 6, Core: "/tmp/kv.core"}, code: 134,
			says: "silo: the application's core is /tmp/kv.core\n"},
		{name: "panic whose core is lost", exit: hvcall.Exit{Cause: hvcall.CausePanic, Code: 134, Signal: 6, CoreLost: "the disk is full"}, code: 134,
			says: "silo: there is no core of the application: the disk is full\n"},
		{name: "signal", exit: hvcall.Exit{Cause: hvcall.CauseSignal, Code: 139, Signal: 11, Text: "segmentation fault"}, code: 139,
			says: "silo: the application was ended by signal 11: segmentation fault\n"},
		{name: "memory", exit: hvcall.Exit{Cause: hvcall.CauseMemory, Code: 137}, code: 137, says: "raise the maximum of --memory"},
		{name: "refused", exit: hvcall.Exit{Cause: hvcall.CauseRefused, Code: 137}, code: 137, says: "waited in vain for memory"},
		{name: "start", exit: hvcall.Exit{Cause: hvcall.CauseStart, Code: 126, Text: "exec format error"}, code: 126,
			says: "silo: the guest could not start the application: exec format error\n"},
		{name: "init", exit: hvcall.Exit{Cause: hvcall.CauseInit, Code: 125, Text: "no memory cgroup"}, code: 125, says: "silo: the guest's init failed: no memory cgroup\n"},
		{name: "kernel", exit: hvcall.Exit{Cause: hvcall.CauseKernel, Code: node.CodeKernel, Text: "guest kernel panicked: boo", Trace: "last lines"}, code: 123,
			says: "silo: guest kernel panicked: boo\nIf it happens at each start the image is broken: build it again.\nlast lines\n"},
		{name: "silent", exit: hvcall.Exit{Cause: hvcall.CauseSilent, Code: node.CodeSilent, Text: "it answered nothing for 10s", Trace: "last lines"}, code: 121,
			says: "silo: the guest did not answer any more and was ended: it answered nothing for 10s\nlast lines\n"},
		{name: "host", exit: hvcall.Exit{Cause: hvcall.CauseHost, Code: node.CodeHost, Text: "qemu was killed"}, code: 122, says: "silo: the guest was ended from outside: qemu was killed\n"},
		{name: "shutdown", exit: hvcall.Exit{Cause: hvcall.CauseShutdown, Code: 143}, code: 143},
		{name: "shutdown and own code", exit: hvcall.Exit{Cause: hvcall.CauseShutdown}, signal: os.Interrupt},
		{name: "second Ctrl-C", exit: killed, signal: os.Interrupt, code: 130, says: "silo: killed\n"},
		{name: "second SIGTERM", exit: killed, signal: syscall.SIGTERM, code: 143, says: "silo: killed\n"},
		{name: "not in time", exit: killed, code: 137, says: "silo: the guest was ended from outside: killed by the host\n"},
		{name: "no hello", err: &node.HelloError{Guest: "kv", Within: 30 * time.Second, Console: []string{"busy"}}, code: 124,
			says: "silo: guest kv did not say hello within 30s\nlast lines of its console:\n  busy\nIs it an image that silo built? If it only needs more time, give it --hello-within.\n"},
		{name: "other error", err: errors.New("boo"), code: 125, says: "silo: boo\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if code := verdict(&out, c.exit, c.err, c.signal); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if got := out.String(); (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
				t.Errorf("says %q, want %q", got, c.says)
			}
		})
	}
}

// TestVerdictKnowsAllCauses: a cause that is added to the protocol must be thought about here.
func TestVerdictKnowsAllCauses(t *testing.T) {
	silent := map[hvcall.Cause]bool{hvcall.CauseExit: true, hvcall.CausePanic: true, hvcall.CauseShutdown: true}
	for _, cause := range []hvcall.Cause{hvcall.CauseExit, hvcall.CauseSignal, hvcall.CausePanic, hvcall.CauseMemory, hvcall.CauseRefused,
		hvcall.CauseStart, hvcall.CauseInit, hvcall.CauseKernel, hvcall.CauseHost, hvcall.CauseShutdown} {
		if said := explain(hvcall.Exit{Cause: cause, Text: "x"}); (said == "") != silent[cause] {
			t.Errorf("%s: says %q", cause, said)
		}
	}
}
