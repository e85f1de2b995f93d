// Package initramfs makes the archive that a silo guest starts from, and checks one.
//
// The archive is the guest's whole root file system, in Linux's cpio format "newc":
//
//	init         PID 1, mode 0755
//	app/main     the application, mode 0755
//	dev/console  character device 5:1, or PID 1 has no standard output before /dev is mounted
//	app bin dev etc proc run sys tmp usr usr/bin  folders for PID 1 to mount on and write to, and programs to look into
//
// and the files that the image has beside its programs, with the folders they are in. All of it belongs to root and was made at time 0 in the order of the
// names, so that the same two programs give the same bytes on every machine.
//
//	var archive bytes.Buffer
//	err := initramfs.Write(&archive, initramfs.Content{Init: "out/init", App: "out/kv",
//		Files: []initramfs.File{{Path: "etc/kv.conf", Mode: 0o644, Source: "kv.conf"}}})
//
// # Why it is not compressed
//
// The same 8 MB of programs were booted plain and as 2.7 MB of zstd, by turns, nine times
// each under emulation: PID 1 ran after 629 ms and 760 ms (medians). The kernel unpacks for
// longer than QEMU takes to load what is saved. So the guest's kernel has no decompressor.
//
// # Why contents begin at pages
//
// The kernel takes the whole pages of such a content for the file, as QEMU loaded them, and
// copies only the last, partial one; what is less than a page is not moved to one. 10 MB copied take 30 ms of a boot under emulation, and
// for a moment twice their size of a memory that may be 48 MiB.
package initramfs
