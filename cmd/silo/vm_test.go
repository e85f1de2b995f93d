package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/internal/smallfs"
	"github.com/silo-os/silo/internal/vmtesting"
)

// appImage is the image of testdata/app. It is built once, in the cache that silo uses.
func appImage(t *testing.T) *images.Image {
	t.Helper()
	vmtesting.RequireQEMU(t)
	if _, err := images.FindKernel(images.KernelConfig{}); err != nil && os.Getenv("CI") != "true" {
		t.Skipf("this test boots an image (%v): run: go run mage.go kernel", err)
	}
	image, err := buildApp()
	if err != nil {
		t.Fatal(err)
	}
	return image
}

var buildApp = sync.OnceValues(func() (*images.Image, error) {
	return images.Build(context.Background(), images.Config{Package: "./testdata/app"})
})

func TestRunPassesOn(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stdout string // all of it
		stderr string // some of it; "" = nothing at all
	}{
		{"output", nil, 0, "hello from the guest\n", ""},
		{"exit code", []string{"--", "exit", "7"}, 7, "", "leaving\n"},
		{"panic", []string{"--", "panic"}, 2, "", "panic: boo\n\ngoroutine 1 [running]:\nmain.main()"},
		{"signal", []string{"--", "signal"}, 137, "", "the application was ended by signal 9"},
		{"arguments and environment", []string{"-e", "GIVEN=a b=c", "-e", "OWN", "-e", "UNSET", "--name", "kv1", "--", "tell", "--flag", "two words", ""}, 0,
			"args [\"--flag\" \"two words\" \"\"]\nGIVEN \"a b=c\" true\nOWN \"mine\" true\nUNSET \"\" false\nhost kv1 <nil>\n", ""},
		{"much output", []string{"--", "flood"}, 0, strings.Repeat(strings.Repeat("x", 99)+"\n", 40_000), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := silo(t, []string{"OWN=mine"}, append([]string{"run", dir}, c.args...)...)
			p.wants(c.code)
			if got := p.out.String(); got != c.stdout {
				t.Errorf("stdout has %d bytes, want %d: %.200q", len(got), len(c.stdout), got)
			}
			if got := p.err.String(); !strings.Contains(got, c.stderr) || c.stderr == "" && got != "" {
				t.Errorf("stderr %q, want %q", got, c.stderr)
			}
		})
	}
}

// TestRunBuilds goes all the way from a package to its exit code.
func TestRunBuilds(t *testing.T) {
	t.Parallel()
	appImage(t)
	p := silo(t, nil, "run", "testdata/app", "--memory", "48M:256M", "--cpus", "1:2", "--", "exit", "5")
	p.wants(5, "leaving\n")
}

func TestCtrlC(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	p := silo(t, nil, "run", dir, "--", "wait")
	p.await(&p.out, "waiting")
	p.signal(os.Interrupt)
	p.wants(3, "silo: asked app to end, it has 10s; once more kills it\n")
	if !strings.HasSuffix(p.out.String(), "asked to end\n") {
		t.Errorf("the application's last words are missing: %q", p.out.String())
	}
}

func TestSecondCtrlC(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	for s, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		p := silo(t, nil, "run", dir, "--", "stubborn")
		p.await(&p.out, "waiting")
		p.signal(s)
		p.await(&p.err, "once more kills it")
		p.signal(s)
		p.wants(code, "silo: killed\n")
	}
}

func TestCtrlCWhileBooting(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	p := silo(t, nil, "run", dir, "--template", "off", "--", "stubborn")
	p.qemu()
	p.signal(os.Interrupt)
	p.wants(130)
}

// TestShutdownDeadline: PID 1 ends an application that does not end by itself in time.
func TestShutdownDeadline(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	p := silo(t, nil, "run", dir, "--shutdown-within", "1s", "--", "stubborn")
	p.await(&p.out, "waiting")
	p.signal(os.Interrupt)
	p.wants(137)
}

// TestKill9: QEMU ends with silo, however silo ends.
func TestKill9(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	p := silo(t, nil, "run", dir, "--", "stubborn")
	p.await(&p.out, "waiting")
	qemu := p.qemu()
	group := fmt.Sprintf("silo-%d-", qemu)
	if os.Geteuid() == 0 && !isCgroup(t, group) {
		t.Errorf("its vCPUs are in no cgroup")
	}
	p.signal(syscall.SIGKILL)
	p.wants(-1)
	gone(t, qemu)
	silo(t, nil, "run", dir).wants(0) // it clears away what the one before could not
	if isCgroup(t, group) {
		t.Errorf("cgroup %s… is left", group)
	}
}

// gone waits for the end of a process that nobody here is the parent of.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(patience); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d does not end", pid)
		}
	}
}

// isCgroup reports whether the name of a cgroup on this host begins so.
func isCgroup(t *testing.T, prefix string) (found bool) {
	t.Helper()
	err := filepath.WalkDir("/sys/fs/cgroup", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), prefix) {
			found = true
		}
		return nil // one that goes while we look is none
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestQEMUKilled(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	p := silo(t, nil, "run", dir, "--", "stubborn")
	p.await(&p.out, "waiting")
	if err := syscall.Kill(p.qemu(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.wants(122, "silo: the guest was ended from outside: qemu was killed")
}

func TestPortForward(t *testing.T) {
	t.Parallel()
	dir := appImage(t).Dir
	p := silo(t, nil, "run", dir, "--template", "off", "-p", "0:8080", "--", "serve")
	port := serves(t, p)
	// The same port, while it is in use.
	silo(t, nil, "run", dir, "-p", strconv.Itoa(port)+":8080").wants(125, "address already in use: choose another host port with -p HOST:GUEST")
	p.signal(os.Interrupt)
	p.wants(143) // Go's default for SIGTERM
}

// serves waits until a guest answers on its forwarded port, which it returns.
func serves(t *testing.T, p *proc) (port int) {
	t.Helper()
	p.await(&p.out, "waiting")
	p.await(&p.err, "to guest port 8080\n")
	_, told, _ := strings.Cut(p.err.String(), "silo: tcp ")
	if _, err := fmt.Sscanf(told, "127.0.0.1:%d to guest port 8080\n", &port); err != nil {
		t.Fatalf("%q: %v", p.err.String(), err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	var body string
	for end := time.Now().Add(patience); body == "" && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-p.done:
			t.Fatal("silo ended")
		default:
		}
		if resp, err := http.Get("http://" + addr); err == nil { // it says that it waits a moment before it does
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			body = string(b)
		}
	}
	if body != "served\n" {
		t.Errorf("got %q", body)
	}
	return port
}

// TestTinyTMPDIR: what needs room is in the cache, so a full /tmp is no hindrance.
func TestTinyTMPDIR(t *testing.T) {
	t.Parallel()
	appImage(t)
	dir := t.TempDir()
	smallfs.Mount(t, dir, "64k")
	silo(t, []string{"TMPDIR=" + dir}, "run", "testdata/app", "--tags", "never_seen", "--", "exit", "4").wants(4, "leaving\n")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in TMPDIR: %v, %v", left, err)
	}
}
