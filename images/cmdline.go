package images

import "slices"

// cmdline is what the kernel of this package wants to be told. Every word is there for a
// reason that was measured; host/vmm adds what depends on the virtual machine.
var cmdline = []string{
	// Messages go to the serial port, where each byte is an exit to the hypervisor:
	// errors and panics only.
	"console=ttyS0", "quiet",
	// A panic ends the guest at once; QEMU's -no-reboot makes that an exit.
	"panic=-1",

	// Boot. No bounce buffers, which would take 64 MiB of a guest that boots with more than
	// 4 GiB; no patching of lock prefixes, since a second processor may come at any time and
	// patched code is translated anew (30 ms under emulation).
	"swiotlb=noforce", "noreplace-smp", "random.trust_cpu=on",
	// Mounting a cgroup and bringing up a processor wait for all others to have passed by:
	// ask them, which takes a processor from 60 ms to 20 under emulation.
	"rcupdate.rcu_expedited=1",

	// Memory. Plugged blocks go online by themselves, in the zone that lets a small guest
	// grow far and still give back; only page faults are charged to the application; freed
	// pages merge to huge ones, and from 64 KiB on they are reported to the host (patch
	// 0005): with the default of 2 MiB nothing is reported while less than 64 MiB are free.
	"memhp_default_state=online",
	"memory_hotplug.online_policy=auto-movable",
	"memory_hotplug.auto_movable_ratio=401",
	"cgroup.memory=nokmem,nosocket",
	"transparent_hugepage=always",
	"page_reporting.page_reporting_order=4",
}

// Cmdline returns the words of the kernel command line that the kernel of this package is
// meant to run with, in order. The slice is the caller's.
func Cmdline() []string { return slices.Clone(cmdline) }
