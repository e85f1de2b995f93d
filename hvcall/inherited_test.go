package hvcall

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes the test binary play an application that PID 1 started.
const childEnv = "HVCALL_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

// child says Hello over the inherited descriptor and prints what it found.
func child() int {
	rw, err := Inherited()
	if err != nil || rw == nil {
		fmt.Println("inherited:", rw, err)
		return 1
	}
	if _, left := os.LookupEnv(EnvFD); left {
		fmt.Println("the variable is still there for the next child")
		return 1
	}
	c := NewConn(rw, Config{})
	go c.Serve(context.Background(), nil)
	w, err := c.SayHello(context.Background(), Hello{Role: RoleApplication, PID: os.Getpid()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	// A process that this one starts must not get the descriptor.
	out, err := exec.Command("/bin/sh", "-c", "ls -l /proc/self/fd").CombinedOutput()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("welcome %s; sockets of a child: %d\n", w.Name, strings.Count(string(out), "socket:"))
	return 0
}

func TestInherited(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "pid1"), os.NewFile(uintptr(fds[1]), "application")
	host := NewConn(ours, Config{})
	served := make(chan error, 1)
	go func() {
		served <- host.Serve(t.Context(), func(_ context.Context, f Frame) ([]byte, error) {
			if _, err := DecodeHello(f.Payload); err != nil {
				return nil, err
			}
			return Welcome{Name: "app"}.Encode(), nil
		})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1", EnvFD+"=3")
	cmd.ExtraFiles = []*os.File{theirs}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	theirs.Close()
	if err != nil || strings.TrimSpace(out.String()) != "welcome app; sockets of a child: 0" {
		t.Errorf("child: %v, %s", err, &out)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestInheritedAbsent(t *testing.T) {
	t.Setenv(EnvFD, "") // restores the variable afterwards
	os.Unsetenv(EnvFD)
	if rw, err := Inherited(); rw != nil || err != nil {
		t.Errorf("outside a guest: %v, %v", rw, err)
	}
}

// TestInheritedRefused: a wrong number is an error, and whatever has that number stays open.
func TestInheritedRefused(t *testing.T) {
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for value, want := range map[string]string{
		"":                                 "is not the number",
		"three":                            "is not the number",
		"0":                                "is not the number",
		"-1":                               "is not the number",
		"99999":                            "bad file descriptor",
		strconv.Itoa(int(file.Fd())):       "not a socket",
		"99999999999999999999999999999999": "is not the number",
	} {
		t.Setenv(EnvFD, value)
		rw, err := Inherited()
		if rw != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", value, rw, err, want)
		}
		if _, left := os.LookupEnv(EnvFD); left {
			t.Errorf("%q: the variable is still there", value)
		}
	}
	if _, err := file.Stat(); err != nil {
		t.Errorf("a file that had the number was closed: %v", err)
	}
}
