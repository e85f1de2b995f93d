// Package move decides how a guest moves from one host to another while it runs: two pure state machines, [Source] for the
// host that it leaves and [Destination] for the one that it comes to. Events and the time come in, acts go out; package daemon
// carries them out. An act ends the one before it where that is still under way: Thaw a Freeze, for example.
//
// # States at the source
//
//	reserving    asks the destination for the room that the guest needs        → shrinking; back, when it has none
//	shrinking    the guest gives up what it can do without                     → freezing, in time or not
//	freezing     its size stays what it is from here on                        → copying
//	copying      its memory is copied while it runs                            → switching, when all is there and it stands still
//	cancelling   the copying is being given up                                 → back
//	switching    it stands still; the destination is told to run it            → releasing, or back when it is gone there or given up here
//	releasing    it runs there; what is left here ends                         → moved
//	back         it runs on here; the destination is told to forget it         → stayed
//
// and it ends in moved, stayed (with the cause), or ended (with the cause), when its machine died.
//
// # States at the destination
//
//	launching    a machine is made that waits for the guest                    → waiting, or gone
//	waiting      the guest comes in                                            → arrived, or gone
//	arrived      all of it is there and stands still                           → starting, when the source says so; gone, when it is not heard
//	starting     it is being set running                                       → running
//	running      it runs here                                                  → lost, when it ends before the source has heard of it
//	gone         it never ran here and never will: the room is free again
//	lost         it ran here, and has ended
//
// # One place
//
// The guest runs at the destination only after the source has said so, and the source says so only when its own machine stands
// still behind a whole copy, which QEMU then never sets running by itself. From then on the source sets it running again only
// on the word gone, or if no word can have reached the destination. Whoever is not sure asks again: a guest that
// stands still until the link is back is better than one that runs twice. Who gives up such a guest at its source ends
// it there and nowhere else. Gone, running and lost are final, also over a restart.
//
// A destination that does not hear of the source for [Limits.Lease] is gone by itself, so no room stays reserved; except
// once it was told to run the guest. Restarts of either daemon are events like others: [Restarted] and
// [RestartedDestination] go on from what the machines are found doing, so nothing has to be stored on the way but that there is a move.
//
// # Example
//
//	s, acts := move.Begin(now, move.Limits{})
//	for !s.State.Final() {
//		s, acts = s.Step(now, carryOut(acts))
//	}
package move
