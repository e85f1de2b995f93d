// Command plain is the load program as anybody writes it who never heard of silo. As the first process of
// a guest it does what that needs.
package main

import (
	"fmt"
	"os"
	"syscall"

	"github.com/silo-os/silo/internal/bench/heapload/load"
)

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	if os.Getpid() == 1 {
		// It returns only when it fails, and then the end of the first process ends the guest.
		_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	}
	if err != nil {
		os.Exit(1)
	}
}

// run goes through the scenario. The kernel hands the first process what stands behind "--" on its
// command line as arguments.
func run() error {
	if os.Getpid() == 1 {
		if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			return fmt.Errorf("mount /proc: %w", err)
		}
	}
	s, err := load.Parse(os.Args[1:])
	if err != nil {
		return err
	}
	return load.Program{Out: os.Stdout, Agent: true}.Run(s)
}
