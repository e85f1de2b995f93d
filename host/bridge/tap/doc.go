// Package tap makes the device by which a guest is attached to a bridge.
//
// # States of a device
//
//   - made: [Open] has created it in the network namespace of the calling thread, given it the bridge's MTU, put it on the
//     bridge and brought it up. It has no carrier the guest could see yet, and nobody else can open it.
//   - in use: QEMU has inherited the descriptor, which is all the right that it needs, and this process has closed its own.
//   - gone: the kernel has removed it, at the moment when the last descriptor was closed, whatever closed it. The device is
//     not persistent, so kill -9 of the node, of QEMU or of both leaves nothing.
//
// The device's own Ethernet address is drawn, with fe:ff in front. High, because a bridge without an address of its own takes the
// lowest of its ports', and must not change it, to be forgotten by its neighbours, whenever a guest comes or goes. Drawn, because
// a guest that moves has a device on two hosts: with an address made of the guest's, each host would take the other's bridge, if
// that had followed the device, for itself.
//
// There are no locks; Open makes no goroutine.
//
//	f, err := tap.Open(attachment)
//	if err != nil {
//		return err
//	}
//	defer f.Close()
//	cmd.ExtraFiles = append(cmd.ExtraFiles, f) // -netdev tap,id=net,fd=3
package tap
