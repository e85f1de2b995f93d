package cpushare

// Allowance is what a machine's vCPUs may use, in thousandths of a processor.
type Allowance struct {
	Milli uint32 // granted now
	Max   uint32 // more than this it is never granted; 0 = no such bound

	// Last gives the machine time that no other wants, and keeps from it what it is not granted, its QEMU's own threads
	// included: for a guest that makes work for its host.
	Last bool
}

const (
	// ioRoom is what QEMU's own threads may use beside the vCPUs, in thousandths.
	ioRoom = 500

	// lastRoom is what they may use for a machine that comes last.
	lastRoom = 50

	// slack is added to a cap of whole vCPUs. The parked ones wake now and then for their kernel's housekeeping; paid
	// from the same quota, that would stop the others at the end of each period.
	slack = 50

	// leastWeight keeps a guest that holds next to nothing able to say that it needs more while others work.
	leastWeight = 100
)

// setting is what one group is set to, in thousandths of a processor.
type setting struct {
	weight int64
	cap    int64 // 0 = none
	idle   bool  // it runs when nobody else wants to; the weight does not count
}

// settings are those of a machine with so many vCPU threads: of its outer group and of its vCPUs.
func (a Allowance) settings(threads int) (machine, vcpus setting) {
	all := int64(threads) * 1000
	if a.Last {
		weight, most := max(int64(a.Milli), leastWeight), min(int64(a.Milli), all)
		return setting{weight: weight, cap: most + lastRoom, idle: true}, setting{weight: weight, cap: most}
	}
	most := wholes(int64(a.Milli))
	if a.Max > 0 {
		most = max(min(most, int64(a.Max)), int64(a.Milli))
	}
	if most%1000 == 0 {
		vcpus.cap = most + slack
	} else {
		vcpus.cap = most
	}
	machine.cap = vcpus.cap + ioRoom
	if most >= all {
		vcpus.cap, machine.cap = 0, all+ioRoom
	}
	machine.weight = max(int64(a.Milli), leastWeight)
	vcpus.weight = machine.weight
	return machine, vcpus
}

// wholes rounds thousandths up to whole vCPUs, at least one.
func wholes(milli int64) int64 { return max(1, (milli+999)/1000) * 1000 }
