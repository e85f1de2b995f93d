// Command stockinit is the first process of a guest of the distribution's kernel that runs a server. It loads the drivers
// of the machine, which that kernel has as modules, sets up the network as QEMU's user-mode networking has it, and starts the
// server with its own arguments: those behind -- on the kernel's command line.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const server = "/app/main"

func main() {
	fmt.Println("stockinit:", run())
	if os.Getpid() == 1 {
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
}

func run() error {
	for to, fs := range map[string]string{"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs", "/tmp": "tmpfs"} {
		if err := unix.Mount(fs, to, fs, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", to, err)
		}
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	if err := configure("10.0.2.15/24", "10.0.2.2"); err != nil {
		return err
	}
	cmd := exec.Command(server, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	cmd.Env = []string{"PATH=/app:/bin", "HOME=/", "TMPDIR=/tmp"} // as silo has it
	return cmd.Run()
}

// loadModules loads the files of a folder in the order of their names.
func loadModules(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil {
		return err
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

// configure brings up the loopback and the first Ethernet interface, which the kernel may still be looking for.
func configure(address, gateway string) error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("set up loopback: %w", err)
	}
	var eth netlink.Link
	for range 500 {
		if eth, err = netlink.LinkByName("eth0"); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("find network: %w", err)
	}
	addr, err := netlink.ParseAddr(address)
	if err == nil {
		err = netlink.AddrAdd(eth, addr)
	}
	if err == nil {
		err = netlink.LinkSetUp(eth)
	}
	if err == nil {
		err = netlink.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Gw: net.ParseIP(gateway)})
	}
	if err != nil {
		return fmt.Errorf("set up network: %w", err)
	}
	return nil
}
