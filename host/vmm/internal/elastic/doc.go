// Package elastic changes the size of a guest's memory and waits for the guest: the logic
// of it, over any device that takes a requested size and tells the plugged one. Package vmm
// has QEMU's device, package vmmtest one for tests.
//
// # States of a resize
//
//   - waiting its turn: another request is on its way to the device.
//   - requested: the device has the size; the guest plugs or unplugs towards it.
//   - reached, or given up: the guest has the size, or the caller's context ended, or a
//     newer resize overtook this one. The device keeps the newest request in each case.
//
// A newer resize ends an older one at once, whichever state that is in; one that was still
// waiting its turn is never sent. So the device always holds the newest size asked for.
//
// Lock order: setting before mu.
package elastic
