package vmm

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// Wait statuses as Linux encodes them.
const (
	exited0  = syscall.WaitStatus(0)
	exited1  = syscall.WaitStatus(1 << 8)
	killed9  = syscall.WaitStatus(syscall.SIGKILL)
	segfault = syscall.WaitStatus(syscall.SIGSEGV)
)

func TestCause(t *testing.T) {
	by := func(guest bool, reason string) *shutdownEvent { return &shutdownEvent{Guest: guest, Reason: reason} }
	panicked := []string{"x", "[ 1.0] Kernel panic - not syncing: no init", "trace"}
	tests := []struct {
		name    string
		seen    ending
		console []string
		want    Cause
		detail  string
	}{
		{"shutdown", ending{shutdown: by(true, "guest-shutdown")}, nil, CauseGuestShutdown, ""},
		{"shutdown, killed meanwhile", ending{shutdown: by(true, "guest-shutdown"), killed: true, status: killed9}, nil, CauseGuestShutdown, ""},
		{"panic", ending{panicked: true, shutdown: by(true, "guest-panic")}, panicked, CauseGuestPanic, "no init"},
		{"panic, closed at once", ending{panicked: true, killed: true, status: killed9}, nil, CauseGuestPanic, ""},
		{"panic without panic device", ending{shutdown: by(true, "guest-reset")}, panicked, CauseGuestPanic, "no init"},
		{"panic event lost", ending{shutdown: by(true, "guest-panic")}, nil, CauseGuestPanic, ""},
		{"reset", ending{shutdown: by(true, "guest-reset")}, nil, CauseGuestReset, "guest-reset"},
		{"words of a panic, no panic", ending{shutdown: by(true, "guest-shutdown")}, panicked, CauseGuestShutdown, ""},
		{"terminated", ending{shutdown: by(false, "host-signal")}, nil, CauseKilled, "by a signal that QEMU caught"},
		{"quit", ending{shutdown: by(false, "host-qmp-quit")}, nil, CauseStopped, ""},
		{"host error", ending{shutdown: by(false, "host-error"), status: exited1}, nil, CauseCrashed, "qemu ended the machine: host-error"},
		{"hung", ending{hung: "internal-error", status: killed9}, nil, CauseHung, "run state internal-error"},
		{"monitor", ending{monitor: errors.New("garbage"), status: killed9}, nil, CauseMonitorLost, "garbage"},
		{"closed", ending{killed: true, status: killed9}, nil, CauseStopped, ""},
		{"killed", ending{status: killed9}, nil, CauseKilled, "SIGKILL: by hand, or by the host for want of memory"},
		{"crash", ending{status: segfault}, nil, CauseCrashed, "segmentation fault"},
		{"failure", ending{status: exited1}, nil, CauseCrashed, "exit status 1"},
		{"gone without a word", ending{status: exited0}, nil, CauseCrashed, "exit status 0"},
	}
	for _, tt := range tests {
		cause, detail := tt.seen.cause(tt.console)
		if cause != tt.want || detail != tt.detail {
			t.Errorf("%s: %q, %q; want %q, %q", tt.name, cause, detail, tt.want, tt.detail)
		}
	}
}

func TestExitErrorText(t *testing.T) {
	crash := &ExitError{Cause: CauseCrashed, Detail: "exit status 1", Stderr: []string{"qemu: bad", "worse"}}
	if got := crash.Error(); got != "qemu crashed: exit status 1: qemu: bad; worse" {
		t.Errorf("crash: %q", got)
	}
	if got := crash.Report(); !strings.HasSuffix(got, "(the console stayed empty)\n") {
		t.Errorf("report of an empty console: %q", got)
	}
	end := &ExitError{Cause: CauseGuestPanic, Detail: "no init", Console: make([]string, 100)}
	end.Console[99] = "last words"
	if got := end.Error(); got != "guest kernel panicked: no init" {
		t.Errorf("panic: %q", got)
	}
	if got := end.Report(); strings.Count(got, "\n") != reportLines+2 || !strings.Contains(got, "last words") {
		t.Errorf("report: %q", got)
	}
}
