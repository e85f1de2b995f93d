// Package bridge says how a guest is attached to a Linux bridge of its host, and under which addresses: the part of a
// guest's identity that goes with it from host to host. It is pure; package tap makes the device.
//
// An [Attachment] is chosen by an operator ([Parse] reads it), checked without looking at the machine ([Attachment.Check]) and
// told to the guest by its host, so that no DHCP is needed. Whoever keeps several guests asks [Attachment.Clash]
// before it lets another one in.
//
// # Ethernet addresses
//
// Unless one is chosen the Ethernet address is a digest of the first IP address. That is unique on the bridge by the
// operator's own doing, where a guest's name is only unique on its host, and stays the same when the guest is started
// again or moves, so that what neighbours remember of it stays true.
//
// # States
//
// A value has none. Of its device: none, until QEMU starts; attached, as long as QEMU has it open; none again, because
// the kernel removes it with the last descriptor, whatever ended QEMU.
//
//	a, err := bridge.Parse("bridge=br0,ip=10.0.0.5/24,gw=10.0.0.1")
//	if err != nil {
//		return err
//	}
//	fmt.Println(a.HardwareAddr()) // 02:…, whatever the host
package bridge
