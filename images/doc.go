// Package images makes what a silo guest boots from: a Linux kernel for virtual machines only,
// and an archive with PID 1 and one application. Both are values with a digest, kept in a
// cache; the same inputs give the same bytes.
//
//	img, err := images.Build(ctx, images.Config{Package: "./cmd/store", Progress: os.Stderr})
//	if err != nil {
//		return err // one clear error: what is wrong and what to do
//	}
//	fmt.Println(img.KernelPath(), img.InitramfsPath(), images.Cmdline())
//
// # A kernel, from nothing to cached
//
//   - wanted: a recipe says which: the digests of source archive, fragments and patches, and
//     the compiler's version. FindKernel answers ErrKernelNotBuilt.
//   - building: BuildKernel holds the lock of the cache's kernels and works in a scratch
//     folder. Another process that wants a kernel waits.
//   - cached: the folder kernel/KEY came into being by one rename, whole. Nobody changes it.
//   - damaged: a file of it was lost or cut. The next BuildKernel replaces the folder.
//
// # An image, from a package to cached
//
//   - compiled: application and PID 1, static, at the same time, in a scratch folder. An application
//     that is named by path and version is compiled in a module of its own, which requires that version.
//   - packed: archive, kernel (a second name of the cached one) and manifest beside them.
//   - cached: images/NAME-KEY, by one rename. Open checks every digest. The sixteen used last
//     are kept.
//
// # What else is in the archive
//
//   - etc/ssl/certs/ca-certificates.crt: the authorities that programs trust (roots.go), 170 KB;
//   - usr/share/zoneinfo.zip: time zones, 410 KB (zones.go); PID 1 points programs to it;
//   - etc/services: the names of some ports;
//   - the files of Config.Files.
//
// The first two take a hundredth of a small guest's memory each, or less, and no time at its boot: the kernel takes
// their pages where they lie.
//
// # The cache
//
// $SILO_CACHE, or silo in the user's cache folder:
//
//	kernel/KEY/    vmlinux, config, System.map, kernel.json
//	images/NAME-KEY/  vmlinux, initramfs.cpio, manifest.json
//	tmp/           scratch folders, each locked by its process
//
// A scratch folder is removed when its build ends. Two are not: that of a compiler that
// failed, which is kept for its log, and that of a process that was killed. Both have lost
// their lock, by which the next build knows and removes them. Locks are taken in the order
// scratch folder, kernels or images; nobody holds both of the last two.
//
// # The guest kernel
//
// kernel/*.config are fragments over an empty configuration: what no fragment asks for is
// off, and a build fails if the kernel did not keep an option. There are no modules. The
// patches in kernel/patches say themselves why they are there. It is entered by its PVH
// note as an uncompressed ELF file, which needs no decompressor, and is meant to run with
// the words of Cmdline.
//
// Compiled for speed, with memset and memcpy always called and never inlined: a kernel
// optimised for size has 2 MiB less text and boots 6 % slower under emulation. Mitigations
// of speculative execution are off: a guest has one application, which has nothing to steal
// from its own kernel, and the hypervisor protects itself from the guest.
package images
