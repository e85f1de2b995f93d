package vmm

import (
	"slices"
	"strings"
)

// maxCmdline is what Linux reads of its command line on x86, bytes without the final NUL
// (COMMAND_LINE_SIZE). It cuts off the rest without a word.
const maxCmdline = 2047

// kernelWords is silo's own kernel command line.
var kernelWords = []string{
	"console=ttyS0", // kernel messages only; logs go through the call channel
	"quiet",         // a line on the emulated port costs a VM exit per byte

	"panic=-1", // end at once: QEMU's -no-reboot turns it into an exit
	"reboot=t", // by a triple fault: the keyboard controller that Linux would try first is not there, and is waited for, 9 s under emulation

	// What the machine has is known; looking for it would be most of the boot.
	"acpi=tables",     // silo's kernel: processors from the tables, no interpreter
	"pci=lastbus=0",   // every device is on the first bus
	"swiotlb=noforce", // no device needs bounce buffers: 64 MiB of them would not fit
	"noreplace-smp",   // patching code throws away what the emulator had translated
	"no_timer_check",  // the timer interrupt works

	// One vCPU at boot; each other one comes online by its first grant.
	"maxcpus=1",

	// Plugged blocks go online by themselves, as movable as the guest's size allows:
	// page descriptors of a large guest need memory that is not movable.
	"memhp_default_state=online",
	"memory_hotplug.online_policy=auto-movable",
	"memory_hotplug.auto_movable_ratio=401",

	// Only page faults are charged to the application, so that its threads wait at
	// its limit rather than have the kernel's own allocations fail.
	"cgroup.memory=nokmem,nosocket",

	// Freed memory must merge to the order from which on it is given back to the host,
	// and that order is low: with the default of 2 MiB a guest with less than 64 MiB free
	// gives back nothing.
	"transparent_hugepage=always",
	"page_reporting.page_reporting_order=4",

	// Bringing up a vCPU, mounting cgroups and moving a thread into one each wait for every
	// vCPU to have been idle once. Asking them takes a fraction of a millisecond, waiting tens.
	"rcupdate.rcu_expedited=1",

	"random.trust_cpu=on", // no wait for entropy; virtio-rng adds the host's
}

// delayLoop spares each vCPU that comes online the 0.2 s to 0.4 s in which the kernel times its delay
// loop: under emulation no processor tells it the constant rate of the clock that the loop counts.
// The value is for a clock of 3 GHz at the kernel's 250 ticks a second. The host's clock differs from that, and
// delays with it, by less than half; no device of this machine needs them exact.
const delayLoop = "lpj=12000000"

// kernelCmdline is the whole command line of the guest's kernel.
func (c Config) kernelCmdline() string {
	words := slices.Clone(kernelWords)
	if c.Accel == AccelTCG {
		words = append(words, delayLoop)
	}
	return strings.Join(append(words, c.Cmdline...), " ")
}
