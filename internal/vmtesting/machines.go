package vmtesting

import "github.com/silo-os/silo/internal/vmtesting/machines"

// MachinesIn lists the process ids of the QEMUs that have a file in a folder open; see machines.In.
func MachinesIn(dir string) []int { return machines.In(dir) }
