package vmm

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// hostProcessor is what a guest under KVM sees of the host: its state holds registers of that processor, in
// the form of that kernel.
func hostProcessor() ([]string, error) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, fmt.Errorf("identify processor: %w", err)
	}
	var found []string
	first, _, _ := strings.Cut(string(info), "\n\n")
	for line := range strings.Lines(first) {
		name, _, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "vendor_id", "cpu family", "model", "model name", "stepping", "microcode", "flags":
			found = append(found, strings.TrimSpace(line))
		}
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("identify the host's kernel: %w", err)
	}
	return append(found, unix.ByteSliceToString(u.Release[:])+" "+unix.ByteSliceToString(u.Version[:])), nil
}
