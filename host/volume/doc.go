// Package volume keeps the volumes of a host: named disks that outlive the guests that use them.
//
// A volume is one file in a folder of the store, NAME.img, a raw disk with an ext4 file system from its first byte on.
// The file is sparse: it takes the room of what was written. Any tool that knows ext4 can look into it while no guest
// runs (mount -o loop, debugfs, fsck.ext4).
//
// # States of a volume
//
//	absent   there is no file. Use makes it, at the size asked for: to free.
//	making   a file with another name is being formatted; its lock is its maker's. It gets its name, whole and synced, in one
//	         step: to free. One that a killed process left, which nobody holds, is removed by the next that makes one.
//	free     nobody holds its lock. A guest that starts takes it: to used. Remove: to absent.
//	used     the lock is held. It is a flock(2) of the open file that QEMU has, so it is there exactly as long as
//	         QEMU is, whoever started that and whatever becomes of him, and nobody has to clear it away.
//
// A used volume whose QEMU was killed is free at once. Its journal is replayed by the guest that mounts it next.
//
// # Locks
//
// The store's own lock, .lock, is held while a file is begun, named or removed, and not while it is formatted. The lock of a volume, or of a
// file that is to be one, is taken under it, without waiting; package vmm takes a volume's and no other.
//
// # mkfs.ext4
//
// The file system is made by mkfs.ext4 of e2fsprogs, which every Debian has. The libraries for ext4 that are written in Go make
// it without a journal, or not at all, and a volume without a journal is not whole after a kill.
//
// # Example
//
//	s := volume.Store{Dir: "/var/lib/silo/volumes"}
//	path, err := s.Use(ctx, "db", 0)
//	if err != nil {
//		return err
//	}
//	cfg.Disks = append(cfg.Disks, vmm.Disk{Path: path}) // vmm.Start takes the lock
package volume
