package daemon

// The points at which Config.At is called: between two things that a crash may part.
const (
	pointCreated    = "created"     // stored; nothing runs
	pointPlaced     = "placed"      // its machine is stored; there is no process
	pointForked     = "forked"      // there is a process; its guest does not run
	pointLaunched   = "launched"    // the guest runs; stored is that it is about to
	pointRunning    = "running"     // stored as running
	pointExitHeard  = "exit heard"  // the guest said how its application ended; nobody knows
	pointExitStored = "exit stored" // the guest waits for the answer
	pointEnded      = "ended"       // the machine is gone; stored as running
	pointStored     = "end stored"  // it waits for its restart, or has ended for good
	pointHalted     = "halted"      // to be stopped; it was not asked yet
	pointForgotten  = "forgotten"   // not stored any more; its folder is there
	pointTakingUp   = "taking up"   // attached to; not in the ledger
)

// Points are the names of all points, in the order of a guest's life.
var Points = []string{
	pointCreated, pointPlaced, pointForked, pointLaunched, pointRunning, pointExitHeard, pointExitStored,
	pointEnded, pointStored, pointHalted, pointForgotten, pointTakingUp,
}

// The names of the points in a move: each state of package move, as it begins.
var (
	// MovePoints are those at its source.
	MovePoints = []string{
		"move reserving", "move shrinking", "move freezing", "move copying", "move cancelling", "move switching", "move releasing", "move back",
	}
	// ArrivalPoints are those at its destination.
	ArrivalPoints = []string{"arrival launching", "arrival waiting", "arrival arrived", "arrival starting", "arrival running"}
)
