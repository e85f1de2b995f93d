// Package alloc ties the size of a garbage-collected heap to the memory that the host granted.
//
// # The problem
//
// A virtual machine that is resized from outside is resized late: somebody polls its usage, sees
// it near its limit, and asks for a step. Until the step arrives the program waits or dies. But a
// Go program *knows* how large its heap will be: when a collection ends, the runtime decides at
// which size the next one should be over. This package reads that decision, adds what else the
// process needs, and states the sum to the host at once. The memory is there before it is needed.
//
// # The forecast
//
// [Forecast] is a pure function of one [Sample]. After a collection that found live bytes alive,
// with GOGC = p and stacks and globals as roots, the heap will peak near
//
//	goal = live + (live + stacks + globals) × p/100
//
// (Go's GC guide, and the pacer's own formula since Go 1.18). The goal that the runtime reports is
// not used as it stands: once a memory limit is near, the reported goal is cut down by that very
// limit, and a governor that asked for it would never ask for more. On the goal come fragmentation,
// everything that is not heap, and a margin.
//
// The margin matters for a heap that only grows: when it learns its new goal it already stands at
// the old one, so the *old* grant must carry what is allocated until the new one arrives. The margin
// is allocation rate × (grant latency + sampling period), both measured, both biased to their recent
// highs. Between collections a sampler repeats the check, because the collector may be off, or late.
//
// # The price
//
// With memory plentiful, GOGC is left as it is. Where a host has too little for all its guests it puts a price into
// their grants ([hvcall.PriceOf]), and the heap above what is live follows the square-root rule (Kirisame,
// Shenoy, Panchekha: Optimal Heap Limits for Reducing Browser Memory Use, OOPSLA 2022)
//
//	extra = √(marked × allocation rate / (marking speed × price))
//
// by way of debug.SetGCPercent. Heaps that all follow it at one price divide memory among them so that
// no other division costs less collection, though none knows of another. Rate and speed are measured and
// smoothed; GOGC stays between 20 and 800, moves in steps of an eighth, and is Go's own 100 at price 0,
// towards which the bounds close in as the price falls. The forecast follows from the GOGC that was
// chosen, so a dearer price is a lower demand with no further rule.
//
// What the user set stands: GOGC in the environment or by the program silences the rule for good, GOMEMLIMIT
// caps the limit, and the log says so once.
//
// # The life of a page
//
//	reserved   address space only. The Go runtime moves it on.
//	demanded   part of a forecast stated to the host. The Governor moves it there.
//	granted    plugged by the host, usable, not touched. The host moves it there; PID 1 raises the
//	           application's limit to include it.
//	resident   touched. The first access moves it there; the kernel finds the page.
//	idle       freed by the collector or the application, still granted. The collector moves it
//	           there; the next allocation moves it back to resident.
//	released   scavenged by the runtime and unplugged by the host, which has it back. The Governor
//	           decides so (Collect, then a lower demand); the host moves it there.
//
// # Up fast, down slow
//
// A higher forecast is stated at once. A lower one is stated when it has stayed lower for
// [Config.Settle]: touching returned memory again costs about three times keeping it. Shrinking is
// done first (collect, scavenge, lower the limit) and then stated, so that the host's ledger always
// holds the upper bound. A program that drops its data and falls silent has no collection of its
// own; [Governor] notices the silence and collects once, within [Config.IdleBudget] of one vCPU. A collection that was under way by
// then found alive what was dropped: it is noticed too, see flight, and another one follows it. What is dropped in the silence, by no work that
// could be seen, is found by two more, where they are cheap.
//
// # When the grant is late
//
// A thread that runs into the grant waits in its page fault, and a collection that runs then waits with it, as
// does every goroutine for the collection. PID 1 says when that is near ([hvcall.LimitLate]); a heap that no
// collection can make fit then meets the gate with the collector paused, see starvation. A refusal is another
// matter: nothing is on its way then, and the collector works as hard as the limit makes it.
//
// # Admission
//
// [Agent.Reserve] parks the goroutine until so much more is granted: the way to ask for what no forecast
// can foresee, such as one large allocation. [Arena] does it by itself for memory outside the heap.
//
// # Parts
//
// [Governor] is the policy: values in, values out, driven in virtual time by its tests. [Agent] is
// the thin executor: it samples runtime/metrics, hooks the end of each collection and applies
// decisions with debug.SetMemoryLimit, debug.SetGCPercent and debug.FreeOSMemory.
//
// # Evidence
//
// An Agent with [Config.Trace] (in a guest: SILO_TRACE names the file) writes each sample as a line of JSON, a
// [Moment]. testdata/traces has such recordings of real programs; TestTraces replays them, reports how often
// and by how much the heap passed the forecast, and fails where that becomes worse than known:
//
//	go test ./alloc -run TestTraces -v
//
// # Lock order
//
// Arena.mu before Agent.mu. Agent.mu guards the Governor and is never held while the runtime collects or a
// statement is sent; Arena.mu is not held while an allocation waits for its grant, whose pages are coming then (pageState).
//
// # Example
//
//	a := alloc.New(alloc.Config{}, func(s alloc.Statement) { conn.SendDemand(…) })
//	go a.Run(ctx)
//	a.Grant(hvcall.Grant{Memory: 64 << 20}, true) // what Welcome said; later, each Grant
package alloc
