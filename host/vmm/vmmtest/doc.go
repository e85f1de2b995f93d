// Package vmmtest has a virtual machine for tests: it behaves as *vmm.VM does, without
// QEMU, and its guest's side is played by the test.
//
// Sizes change by the same code as a real machine's. How long that takes, how far it gets
// and whether it fails is the test's choice. It uses the clock of package time, so inside a
// testing/synctest bubble it takes no real time.
//
//	vm := vmmtest.New(vmmtest.Config{BootMemory: 64 << 20, MaxMemory: 1 << 30, VCPUs: 2})
//	defer vm.Close()
//	vm.Pin(512 << 20) // shrinking gets stuck there
//	go hvcallGuest(vm.GuestPort())
//	broker.Add(vm)
package vmmtest
