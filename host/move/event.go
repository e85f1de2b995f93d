package move

// Event is what happened at the source: a result of an act, or news.
type Event int

// The events. Each says which act it answers, where it answers one.
const (
	Tick       Event = iota // time went by
	Reserved                // of Reserve: the destination waits for the guest
	Refused                 // of Reserve
	Shrunk                  // of Shrink: it holds no more than it needs
	Frozen                  // of Freeze
	Copied                  // of Copy: all of it is there, and it stands still
	CopyFailed              // of Copy, or of CancelCopy: it runs here
	Running                 // of Run: it runs at the destination
	Gone                    // of Run: it never ran there and never will
	Lost                    // of Run: it ran there, and has ended
	Unreached               // of Run: the word did not leave this host
	Unsure                  // of Run: nobody knows whether the word arrived
	Forgotten               // of Forget: the destination has let go of it
	Unheard                 // of Forget: it could not be told, its lease does the rest
	Released                // of Release: nothing of it is left here
	Burst                   // it needs memory now that this host has
	Cancelled               // somebody called the move off
	GivenUp                 // somebody ends the guest here, and does not wait to hear whether it runs there; its machine is being ended
	Died                    // its machine here has ended
)

// Act is something to do at the source.
type Act int

// The acts.
const (
	Reserve     Act = iota // ask the destination for room and a machine
	Shrink                 // tell the guest, and unplug what it can do without
	Freeze                 // let its size change no more
	Copy                   // have QEMU copy it
	Push                   // let it stand still for as long as is allowed at most
	CancelCopy             // have QEMU give up
	Run                    // tell the destination to run it; again after a moment where that was not answered
	RunHere                // set it running here
	Thaw                   // let its size change again, and tell the guest that it stays
	Forget                 // tell the destination to let go of it
	Release                // end the machine here
	DestroyHere            // note that it has ended, with the cause
)
