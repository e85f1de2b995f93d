// Package demo is the main job of silo in one run: a store in a guest that grows with real data from
// real clients, proves that it lost nothing, and gives the memory back.
//
// The run is a list of [phase] values. Each does one thing with the session: the guest, the clients'
// address and what was found so far. Meanwhile a [recorder] keeps what the host observes of the guest and
// prints a line for each change. At the end the recording and the findings become one [Result], which
// [Judge] holds against what was promised, a picture and a file:
//
//	out/demo/result.json    every figure, and whether all was as promised
//	out/demo/timeline.svg   demanded, granted and really held memory, vCPUs and stalls over time
//
// Nothing is simulated: QEMU runs the guest, redis-cli and redis-benchmark are the distribution's own, the
// records are the machine's package index, and held memory is read from the QEMU process.
//
//	err := demo.Run(ctx, demo.Config{Dir: ".", Out: os.Stdout})
package demo
