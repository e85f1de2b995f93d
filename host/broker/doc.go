// Package broker decides which guest of one host gets how much memory and how many vCPUs.
//
// A [Broker] is a pure state machine. Events come in, actions go out, time is an argument:
//
//	actions := b.Step(now, events)
//
// It starts no goroutine, reads no clock and does no I/O. Whoever owns it (package node) applies
// the actions and feeds their results back as events. All it knows is a value, [State], that can be
// written as JSON, and every decision comes out as an action that prints as one line.
//
// # The ledger
//
// For each guest the broker keeps an interval of memory: firm, which is plugged for certain, and
// upper, more than which cannot be plugged. Asking the hypervisor for another size widens the
// interval to hold it; the answer narrows it again. The sum of all upper ends never exceeds what
// the host may give away, so a promise can always be kept whatever order the answers come in.
// Memory given to a guest that does not use it is never counted as free.
//
// # States of memory
//
//	wanted   stated by the guest                            moved on by the plan
//	target   the guest's fair share of the host             moved on by a Resize, as far as there is room
//	asked    a Resize is out; counted in upper from now on  moved on by Plugged
//	plugged  firm                                           moved on by SendGrant
//	granted  the guest may use it                           moved on by the guest: it states a lower demand
//
// Growing goes down that list. Shrinking starts at its end: the guest first makes do with less,
// because it wants to (lower Demand) or because it was told to (a grant limited by "reclaim" that
// it then applied). Only then the device is asked to give memory back, and only what the device
// says it gave back leaves the ledger.
//
// A guest's kernel may plug or unplug less than asked. While there is progress the same size is
// asked for again; without progress memory that could not be plugged is handed back to the ledger and
// both directions wait, each time longer. [Broker.NextWake] says when to call Step for that.
//
// # vCPUs
//
// They are counted in thousandths. More may be used at once, so growth is one grant. Less must
// first be done by the guest: the ledger holds the largest of the grants that the guest may still act
// upon until it says which one it applied.
//
// Where they are scarce, whole ones are shared out as far as it goes. A guest that leaves its vCPUs idle keeps them, and their time is
// lent to who wants it, by what [Ran] measured and not by what the guest states: for the moment until its work is measured, or
// until it says that it has some, more may be granted than there is. A guest from which others take a quarter of its
// time is given no more vCPUs than it got time for. [Load] has the rules.
//
// # Sharing
//
// When the guests want more than there is, each gets the weighted max-min share of what it wants,
// but not less than its guaranteed minimum, nor less than the floor it states while it holds that
// much already. Free memory goes to guests that stall before guests that only look ahead.
//
// # The price
//
// Sharing is the backstop. Before it there is a price of memory, the same for all guests and part of
// every grant: 0 while there is plenty, higher the longer the wants exceed what there is. Guests
// that answer it with smaller heaps do so where that costs the least collection, which no sharing by
// size can know. [Price] says how it is found. Guests that do not answer lose nothing but that.
//
// # Example
//
//	b := broker.New(broker.Config{Capacity: broker.Capacity{Memory: 8 << 30, MilliCPU: 4000}})
//	b.Step(0, []broker.Event{broker.GuestAdded{Guest: "kv", Bounds: broker.Bounds{Boot: 64 << 20, Max: 1 << 30, MaxMilli: 2000}}})
//	b.Step(1, []broker.Event{broker.Connected{Guest: "kv"}})
//	b.Step(2, []broker.Event{broker.Demanded{Guest: "kv", Demand: hvcall.Demand{Revision: 1, Memory: 128 << 20}}})
//	// → resize kv to 128 MiB
package broker
