package devsetup

import "slices"

// Purpose is something a contributor wants to do that needs packages.
type Purpose string

// The purposes.
const (
	Kernel Purpose = "build the guest kernel"
	VM     Purpose = "run virtual machines"
	Test   Purpose = "run the unit tests"
	Redis  Purpose = "load a store with the Redis clients"
	Stock  Purpose = "unpack the distribution's own kernel"
)

// Package is a Debian package and how to see that what it brings is there.
type Package struct {
	Name    string
	Command string // program looked for in PATH; "" = File
	File    string // file looked for
	For     []Purpose
}

// Packages is everything that silo's targets need beyond Go, and nothing more.
var Packages = []Package{
	{Name: "qemu-system-x86", Command: "qemu-system-x86_64", For: []Purpose{VM}},
	{Name: "linux-source-6.1", File: "/usr/src/linux-source-6.1.tar.xz", For: []Purpose{Kernel}},
	{Name: "gcc", Command: "gcc", For: []Purpose{Kernel, Test}}, // the race detector needs cgo
	{Name: "libc6-dev", File: "/usr/include/stdlib.h", For: []Purpose{Kernel, Test}},
	{Name: "make", Command: "make", For: []Purpose{Kernel}},
	{Name: "flex", Command: "flex", For: []Purpose{Kernel}},
	{Name: "bison", Command: "bison", For: []Purpose{Kernel}},
	{Name: "bc", Command: "bc", For: []Purpose{Kernel}},
	{Name: "xz-utils", Command: "xz", For: []Purpose{Kernel}},
	{Name: "git", Command: "git", For: []Purpose{Kernel}}, // applies silo's patches
	{Name: "redis-tools", Command: "redis-benchmark", For: []Purpose{Redis, Test}},
	{Name: "iproute2", Command: "ip", For: []Purpose{Test}},                                 // PID 1's network in a namespace
	{Name: "grub-pc-bin", File: "/usr/lib/grub/i386-pc/boot.img", For: []Purpose{VM, Test}}, // disks that boot by themselves
	{Name: "grub-common", Command: "grub-mkimage", For: []Purpose{VM, Test}},
	{Name: "iproute2", Command: "ip", For: []Purpose{Test}},                    // PID 1's network in a namespace
	{Name: "e2fsprogs", File: "/usr/sbin/mkfs.ext4", For: []Purpose{VM, Test}}, // volumes
	{Name: "dpkg", Command: "dpkg-deb", For: []Purpose{Stock}},
}

// needed returns the packages of the purposes, each once.
func needed(purposes []Purpose) []Package {
	var list []Package
	for _, p := range Packages {
		if slices.ContainsFunc(p.For, func(f Purpose) bool { return slices.Contains(purposes, f) }) {
			list = append(list, p)
		}
	}
	return list
}

// Absent returns the packages that the purposes need and the machine lacks.
func Absent(sys System, purposes ...Purpose) []Package {
	return slices.DeleteFunc(needed(purposes), func(p Package) bool {
		if p.Command != "" {
			return sys.HasCommand(p.Command)
		}
		return sys.HasFile(p.File)
	})
}
