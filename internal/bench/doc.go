// Package bench measures silo against its bars, each beside what it is compared with, in one run.
//
// A benchmark is a function that measures and returns one [Result] for each of its bars. [Run] prints
// them as a table and writes them to out/bench/NAME.json. A bar that is not met is a result like any
// other; a measurement that failed is an error, and then no file is written: a row is never missing
// in silence.
//
// Absolute times drift on a shared machine, so what is compared is measured in turn, A B A B, and
// judged by ratios of medians.
//
//	go run mage.go bench boot
//	go run mage.go bench heap
//	go run mage.go bench broker
//	go run mage.go bench guests
//	go run mage.go bench cpu
//	go run mage.go bench restart
//	go run mage.go bench volume
//	go run mage.go bench apps
//	go run mage.go bench compat
//
// # The compat benchmark
//
// suite compiles the tests of one package as programs of guests are, without a C library, and runs them in its folder: on the host and
// as the application of a guest, with -test.short and the same environment, in which neither finds other programs. Tests that need the go
// command, 199 of runtime's 1,179, are skipped on both sides. What fails is run once more by itself. compare is pure; explained lists the differences
// that are inherent, each with its reason, and every other one counts.
//
// # The heap benchmark
//
// A cell is one mechanism under one load: the load program (heapload) in a guest, in the flavour that the
// mechanism calls for. heapPlan lists the cells, measure goes through one, observed.cell sums up what
// was seen of it and judgeHeap makes the bars from all. Everything is measured outside the guest, by one
// recorder, but for stalls and kills, which PID 1 counts, and what the load program says of itself.
//
// A guest that does not survive its cell is a result: killed, or stuck.
//
// # The cpu benchmark
//
// cpuParts lists its measurements; each makes the results of its bars. One program, cpuload, runs in all guests and imports
// silo. What differs is who answers its demand for vCPUs: PID 1 and a node; PID 1 and a host that revokes on order; and
// cpuagent, which takes PID 1's place and meets the demand by sysfs or asks the host for device_add. So all have the
// same governor, the same trigger and the same way of hearing of the grant, and only what comes in between is compared.
//
// Emulated, on two cores, cpu.grant_ratio_sysfs and cpu.revoke_ratio are not met (0.18 and 0.19 of the quicker mechanism),
// cpu.grant_ratio_acpi is (0.055). A fifteenth of what the stock kernel takes to bring a vCPU online, 40 to 60 ms, would be
// 3 to 4 ms. What is the same for all takes more than half of that: the two looks at the scheduler, two milliseconds, in
// which a burst is told from a blip. The rest is four wake-ups of processes and threads, each of which emulation makes a
// fraction of a millisecond, and up to several where the host's two cores are busy. The note has silo's own kernel too,
// which brings vCPUs online and offline several times as fast as the stock one.
//
// cpu.parked_cost is the difference of two idle guests, each of which costs 10 to 15 % of a core under emulation: from one
// run to the next it lies between -2 and +2 %.
package bench
