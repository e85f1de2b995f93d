package move

// Cause is why a guest did not move, or ended on the way.
type Cause string

// The causes.
const (
	CauseRefused   Cause = "refused"   // the destination has no room, or cannot run it
	CauseLate      Cause = "late"      // the destination did not answer in time
	CauseStuck     Cause = "stuck"     // its size did not come to rest
	CauseTooFast   Cause = "too fast"  // it changes its memory faster than the link carries it
	CauseBurst     Cause = "burst"     // it needed memory that its host has, which cannot be had on the way
	CauseCancelled Cause = "cancelled" // somebody called the move off
	CauseLink      Cause = "link"      // the copying failed
	CauseGone      Cause = "gone"      // the destination lost its copy before it ran there
	CauseUnreached Cause = "unreached" // the destination could not be told to run it
	CauseRestart   Cause = "restart"   // the daemon of its host began anew
	CauseDied      Cause = "died"      // its machine ended on the way
	CauseGivenUp   Cause = "given up"  // somebody ended it here while nobody knew whether it runs at the destination
	CauseLost      Cause = "lost"      // its machine ended at the destination, having run there
)
