package main

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// watch brings the second vCPU online as soon as the kernel says that it is there: what udev does elsewhere,
// without its rules.
func (c *changer) watch() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return fmt.Errorf("open device events: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		unix.Close(fd)
		return fmt.Errorf("open device events: %w", err)
	}
	go func() {
		defer unix.Close(fd)
		buf := make([]byte, 8<<10)
		for {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				fmt.Println("cpuagent failed:", err)
				return
			}
			c.event(buf[:n])
		}
	}()
	return nil
}

func (c *changer) event(b []byte) {
	what, _, _ := bytes.Cut(b, []byte{0})
	verb, device, _ := strings.Cut(string(what), "@/devices/system/cpu/")
	if !strings.HasPrefix(device, "cpu") || strings.Contains(device, "/") {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case verb == "add":
		c.online(device)
	case verb == "remove" && c.on == device:
		c.on = ""
		c.tell(1000)
	}
}
