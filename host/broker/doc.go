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
// first be done by the guest, because only it knows which vCPU holds a lock: the ledger holds the largest of the grants
// that the guest may still act upon until it says which one it applied. One that does not say so in time is treated as
// if it had, and the quota on its vCPU threads ([CPU.Upper]) sees to it ([Seizure]). What the guest's threads really
// did is measured ([Ran], [Load]): who leaves its vCPUs idle loses them first where they are scarce.
//
// What a guest says that it cannot live below plays no part here.
//
// Where they are scarce, whole ones are shared out as far as it goes. A guest that leaves its vCPUs idle keeps them, and their time is
// lent to who wants it, by what [Ran] measured and not by what the guest states: for the moment until its work is measured, or
// until it says that it has some, more may be granted than there is. A guest from which others take a quarter of its
// time is given no more vCPUs than it got time for. [Load] has the rules.
//
// # Sharing
//
// When the guests want more than there is, each gets the weighted max-min share of what it wants,
// but not less than its guaranteed minimum, nor less memory than the floor it states while it holds that
// much already and uses it. Guarantees come before floors: where both together are more than there is, the floors give
// way ([division]). Free memory goes to guests that stall before guests that only look ahead.
//
// A weight counts less the more of its memory a guest leaves idle, so a hoarder loses first ([Use]). Where vCPUs are
// contended, shares above one are whole vCPUs.
//
// Growth into the last eighth of the host is rationed for each guest ([Bucket]), so that nobody takes all that is left
// before others have given back what they owe.
//
// # Guests that do not cooperate
//
// A guest that owes memory is judged by the bytes it gives back in a second: told, reminded, frozen, and killed as the
// last act ([Owing]). No step of this counts on anything that the guest says.
//
// One that breaks the rules of the calls ([Misbehaved]) comes last on the processors until it has been calm for a while ([Conduct]).
//
// # Too many guests
//
// Where the wants stay far above what there is the broker names the guest to move, and the peer where it would fit, if
// peers said what they have to spare ([Crowd]).
//
// # Guests that move
//
// Where a guest comes to, room is reserved for it before it leaves ([Reserve]), or refused at once; where it leaves, its size is
// frozen while it is copied ([Freeze]). One that needs memory at once that its host has is better off staying ([Burst]).
// [Moving] has the states. What is reserved counts as held.
//
// # Bounds
//
// Minimum, maximum and weight of a guest that runs may change ([BoundsChanged]). A maximum below what it holds is told
// like any shrink; what cannot be guaranteed is denied, and nothing changes.
//
// # The price
//
// Sharing is the backstop. Before it there is a price of memory, the same for all guests and part of
// every grant: 0 while there is plenty, higher the longer the wants exceed what there is. Guests
// that answer it with smaller heaps do so where that costs the least collection, which no sharing by
// size can know. [Price] says how it is found. Guests that do not answer lose nothing but that.
//
// What a guest wants beyond its share counts up to its part of the host by weight, so that nobody's fancies make memory
// dear for all.
//
// # What a step costs
//
// It costs what it changes. Sums are kept, members wait in queues for room and for their moments ([queue]), and a plan
// looks only at those that something happened to. Where there is not enough for all, finding the level of the shares
// passes over all members a few times, in a dense array ([sharing]): tens of microseconds with ten thousand.
// [Broker.Check] says whether all that is kept is right; tests and package sim call it after every step.
//
// # The trace
//
// Each action prints as one line. A grant's says what was asked, what is granted and why not more:
//
//	grant b #2 for demand 1: 124 MiB of 900 MiB, 500 mCPU of 2000 mCPU, limit host (its share is 512 MiB and 1000 mCPU)
//
// The transcripts in testdata are such traces. The dump of a broker ([Broker.MarshalJSON]) is all it knows, and
// [Restore] makes one from it.
//
// # Example
//
//	b := broker.New(broker.Config{Capacity: broker.Capacity{Memory: 8 << 30, MilliCPU: 4000}})
//	b.Step(0, []broker.Event{broker.GuestAdded{Guest: "kv", Bounds: broker.Bounds{Boot: 64 << 20, Max: 1 << 30, MaxMilli: 2000}}})
//	b.Step(1, []broker.Event{broker.Connected{Guest: "kv"}})
//	b.Step(2, []broker.Event{broker.Demanded{Guest: "kv", Demand: hvcall.Demand{Revision: 1, Memory: 128 << 20}}})
//	// → resize kv to 128 MiB
package broker
