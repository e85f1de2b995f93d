// Command cpuagent is the first process of the guests that silo's vCPUs are compared with: it starts the load
// program, answers its calls as silo's PID 1 does, and meets its demand for vCPUs in another way.
//
//	cpuagent sysfs    brings the second vCPU online and takes it offline on each change
//	cpuagent acpi     asks the host for the device, and brings it online when it is there
//
// It speaks with the host over its console, by lines. The host's are handed on to the load program, but for
// "revoke", which takes the vCPU away.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/threads"
)

const loadPath = "/app/main"

func main() {
	if err := run(); err != nil {
		fmt.Println("cpuagent failed:", err)
	}
	if os.Getpid() == 1 {
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
}

func run() error {
	for _, fs := range []string{"proc", "sysfs"} {
		to := map[string]string{"proc": "/proc", "sysfs": "/sys"}[fs]
		if err := unix.Mount(fs, to, fs, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", to, err)
		}
	}
	if err := silence(); err != nil {
		return err
	}
	if len(os.Args) < 2 {
		return fmt.Errorf("want sysfs or acpi")
	}
	c, err := newChanger(os.Args[1])
	if err != nil {
		return err
	}
	orders, err := start(c)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "revoke" {
			c.revoke()
			continue
		}
		if _, err := fmt.Fprintln(orders, lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// silence has the console not repeat what the host says.
func silence() error {
	t, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("read console: %w", err)
	}
	t.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(0, unix.TCSETS, t); err != nil {
		return fmt.Errorf("set console: %w", err)
	}
	return nil
}

// start starts the load program and serves its calls. What is written to the result are its orders.
func start(c *changer) (io.Writer, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "calls")
	defer theirs.Close()
	cmd := exec.Command(loadPath, "-")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = []string{hvcall.EnvFD + "=3"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	if c.load, err = threads.Open(cmd.Process.Pid); err != nil {
		return nil, err
	}
	c.serve(os.NewFile(uintptr(fds[0]), "calls"))
	return orders, nil
}
