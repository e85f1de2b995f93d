// Package vmm runs one virtual machine: a QEMU process, controlled over QMP.
//
// # States of a machine
//
//   - starting: Start has made the QEMU process, which holds the guest still until
//     somebody listens to its events, and until it is restored where it goes on from a template.
//     Left by Start itself: to running, or, with the process gone again, to an error.
//   - running: the guest runs; every method may be called. The guest leaves this state by
//     shutting down, resetting or panicking, QEMU by dying, the accelerator by giving up,
//     and the host by Kill or Close.
//   - waiting: made with Config.Incoming, it runs nothing until a guest has come in (Receive, CameIn) and Continue was called.
//   - copied: Send has copied the guest to another machine and it stands still; to running by Continue, if it does not run there.
//   - standing still: SaveTemplate has stopped the guest and saves it; back to running by itself, whatever
//     came of that.
//   - ended: Done is closed, the process has been waited for, Err tells the cause. Port
//     still gives what the guest sent last.
//   - closed: Close has returned; nothing of the machine is left.
//
// # Machines that outlive their starter
//
// With Config.Detached a machine is not bound to this process. QEMU has a session of its own and listens
// on sockets in a folder; its console and its own output are files there, which are kept small while somebody
// watches the machine. Attach, of a later process, finds it by the folder and proves it by its id. Nobody who is not
// QEMU's parent is told how it ended, so that stays unknown. The folder is the caller's to remove.
//
// # Nothing is left behind
//
// No path on disk belongs to any other machine; a template that is not complete has none, and one that is belongs to
// nobody. The monitor, the call channel and the console are
// socket pairs that QEMU inherits; guest memory is anonymous files. QEMU is killed by the
// kernel when this process ends, in whatever way, kill -9 included.
//
// # Templates
//
// With Config.Templates a guest goes on from where a guest like it was saved, which takes a tenth of a boot. The
// caller says when ([VM.SaveTemplate]): while the guest is what all others would be, too. What makes two
// machines alike is in Config.identity: the QEMU program, the digests of firmware, kernel and initramfs, and the command
// line without what each guest may have for itself (name, forwards). A template that is damaged,
// or that QEMU refuses, is thrown away, and the guest boots.
//
// QEMU saves processors and devices; the memory is copied here, from one memory file to the other, without the
// pages of zeros. What the guest had sent over its call channel is in the template, too: Port of one that goes on
// begins with it.
//
// What the caller has to see to: all copies have the same randomness and the clock of the one that was saved.
//
// # Memory
//
// What is there at boot is fixed; everything above it is one virtio-mem device, whose
// requested size [VM.Resize] sets. The guest can use nothing that is not plugged. What
// exists on the host ([VM.Resident]) is read from the memory files and not told by the
// guest. A block plugged is not yet resident, and one that the guest frees stops being so
// by free page reporting, still plugged.
//
// # Disks and shares
//
// A [Disk] is opened and locked here, by flock, and QEMU inherits the open file, which the lock belongs to: one machine at a
// time has it, for exactly as long as its QEMU lives. A [Share] is opened by QEMU, by its path. A machine with a disk does not go
// on from a template: its kernel would believe of one disk what it read of another.
//
// # Trust
//
// The guest is hostile: what it writes to the console is bounded and cleaned, what it can
// make QEMU say is bounded, and what comes out of Port is for package hvcall to check. QEMU
// itself runs in its seccomp sandbox, without default devices, with an almost empty
// environment. With user-mode networking a guest reaches what the user running QEMU
// reaches, the host's loopback services (as 10.0.2.2) included; NetworkRestricted and
// NetworkNone prevent that.
//
// # Network
//
// By default QEMU makes the guest's connections itself (user-mode networking). With Config.Bridge the guest has an
// interface on a bridge of the host: Start opens the device (package tap), in the network namespace of the goroutine's thread, and
// QEMU inherits it and takes it along when it ends. Attach has nothing to do for it. [Config.Movable] tells whether another host can
// go on with the guest: the same Bridge there, started from the thread that is in that host's namespace, is the same
// interface to the guest.
//
// # Copying
//
// A guest that can be copied while it runs is QEMU's to copy. One that stands still (see VM.StandsStill) has its memory carried by the two
// hosts, much faster: Send sends it from the memory files, and the machine that Receive was called on writes it through its QEMU's address
// space. QEMU's own stream, without memory, begins when all of it is there.
//
// # Goroutines and locks
//
// For each machine: one keeps the thread that forked QEMU (see process), one drains the
// console, one watches events, two belong to the QMP client. Of a detached machine one trims its
// files, and one waits for its process where that is no child. One that waits for memory has a few for that, which end when it is there. All end with
// QEMU. The machine itself has no lock; those of resizing are package elastic's.
//
//	vm, err := vmm.Start(ctx, vmm.Config{
//		Kernel: kernel, Initramfs: initramfs,
//		BootMemory: 64 << 20, MaxMemory: 4 << 30, VCPUs: 2,
//		Forwards: []vmm.Forward{{HostPort: 8080, GuestPort: 80}},
//	})
//	if err != nil {
//		return err
//	}
//	defer vm.Close()
//	go serve(vm.Port())
//	now, err := vm.Resize(ctx, 1<<30)
//	…
//	<-vm.Done()
//	fmt.Println(vm.Err())
package vmm
