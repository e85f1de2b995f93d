// Package disk makes disk images that boot by themselves, without silo on the host: under plain QEMU, or whatever boots from a
// BIOS disk and looks like QEMU's machines to a guest.
//
//	err := disk.Write(ctx, img, "server.img", disk.Config{})
//	// qemu-system-x86_64 -m 512 -nographic -drive file=server.img,format=raw
//
// # What such a guest has
//
// Nobody answers its calls, so PID 1 answers them itself ([AloneWord]): memory and vCPUs are what the machine has, and stay. Nothing
// grows or goes back. Output goes to the first serial port. When the application ends the machine is switched off. There are no volumes
// and no arguments, and no network but lo, unless the disk was given one: [Config].Network is written into the kernel's command line
// ([NetworkWord]), and PID 1 configures the machine's first interface by it. That must be a virtio device, the only kind that the guest drives.
//
// # What is on the disk
//
//	sector 0      GRUB's boot.img and the partition table
//	sector 1…     GRUB's core.img, with the configuration in it
//	sector 2048…  one partition: a tar archive with the kernel and the image's archive, which GRUB reads as a file system
//
// GRUB is the boot loader that distributions boot by; its parts come from Debian's packages grub-pc-bin and
// grub-common. A tar archive needs no tool to make a file system and has no times and serial numbers in it: the same image
// and the same GRUB give the same bytes.
//
// # From GRUB to the kernel
//
// silo's kernel is an ELF file that is entered by its PVH note, which GRUB cannot. GRUB can load an ELF file with a Multiboot2 header. So
// the kernel's first page, in which there is nothing but headers, gets one, and with it stub.S, some hundred instructions that
// turn what Multiboot says into what PVH wants. All else of the kernel is as it is.
//
// # States
//
//	gathered  Write has made core.img and the kernel's first page in a scratch folder
//	written   the file appeared whole, by one rename
//
// There are no locks.
package disk
