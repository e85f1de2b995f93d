// Package devsetup brings a Debian machine to where silo's targets run: it knows which packages
// each purpose needs, finds what is absent, and installs it where it may.
//
// What is present is asked of the machine and not of dpkg: a QEMU that somebody compiled counts.
//
//	absent ──root: apt-get install──▶ present
//	   └──────not root: one error that says which line to run
//
// A [System] is the machine; [Machine] is this one, tests make another.
//
//	err := devsetup.Ensure(ctx, devsetup.Machine(os.Stderr), devsetup.VM, devsetup.Kernel)
package devsetup
