package broker

import (
	"fmt"
)

// Action is something to do: one of the types of this file. String is its line in a trace.
type Action interface {
	fmt.Stringer
	About() GuestID
}

// Admit says that a guest may start: its boot memory and its least vCPUs are in the ledger.
type Admit struct{ Guest GuestID }

// Refuse says that a guest can never start on this host, and why.
type Refuse struct {
	Guest GuestID
	Why   string
}

// Resize asks the hypervisor to make a guest's memory Total bytes, boot memory included. It is answered
// by [Plugged] or [ResizeFailed] with the same Op. A newer Resize for the guest replaces it.
type Resize struct {
	Guest GuestID
	Op    uint64
	Total int64
	Why   string
}

// Kill ends a guest at once: it holds what others need and does not give it back. It is the last act. Why is
// for those who ask how the guest ended.
type Kill struct {
	Guest GuestID
	Why   string
}

// BoundsSet answers [BoundsChanged]: these hold now.
type BoundsSet struct {
	Guest  GuestID
	Bounds Bounds
}

// BoundsDenied answers [BoundsChanged]: nothing changed.
type BoundsDenied struct {
	Guest GuestID
	Why   string
}

// ProposeMove names the guest that should leave this host, which has too little for all.
type ProposeMove struct {
	Guest GuestID
	To    string // the peer where it fits; "" = no peer is known
	Needs Room   // what it needs there
	Holds int64  // bytes that it holds now, and that would be copied at most
	Why   string
}

// Alarm is for people. A guest's device has held something else than the guest was granted for a while: a
// page is pinned where it should leave, or the guest plugs what it should not. Or a guest was found
// uncooperative. It is said once each time.
type Alarm struct {
	Guest GuestID
	Text  string
}

// Note is a decision to do nothing, for the trace alone.
type Note struct {
	Guest GuestID
	Text  string
}

// About is the guest that it is for.
func (a Admit) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a Refuse) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a Resize) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a Kill) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a BoundsSet) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a BoundsDenied) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a ProposeMove) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a Alarm) About() GuestID { return a.Guest }

// About is the guest that it is for.
func (a Note) About() GuestID { return a.Guest }

// String is the action's line in a trace.
func (a Admit) String() string { return fmt.Sprintf("admit %s", a.Guest) }

// String is the action's line in a trace.
func (a Refuse) String() string { return fmt.Sprintf("refuse %s: %s", a.Guest, a.Why) }

// String is the action's line in a trace.
func (a Resize) String() string {
	return fmt.Sprintf("resize %s #%d to %s: %s", a.Guest, a.Op, size(a.Total), a.Why)
}

// String is the action's line in a trace.
func (a Kill) String() string { return fmt.Sprintf("kill %s: %s", a.Guest, a.Why) }

// String is the action's line in a trace.
func (a BoundsSet) String() string {
	n := a.Bounds
	return fmt.Sprintf("bounds %s: %s to %s, %d to %d mCPU, weight %d", a.Guest, size(n.Min), size(n.Max), n.MinMilli, n.MaxMilli, n.Weight)
}

// String is the action's line in a trace.
func (a BoundsDenied) String() string { return fmt.Sprintf("bounds %s denied: %s", a.Guest, a.Why) }

// String is the action's line in a trace.
func (a ProposeMove) String() string {
	to := "wherever there is room"
	if a.To != "" {
		to = a.To
	}
	return fmt.Sprintf("move %s to %s: it needs %s and %d mCPU and holds %s: %s", a.Guest, to, size(a.Needs.Memory), a.Needs.MilliCPU, size(a.Holds), a.Why)
}

// String is the action's line in a trace.
func (a Alarm) String() string { return fmt.Sprintf("alarm %s: %s", a.Guest, a.Text) }

// String is the action's line in a trace.
func (a Note) String() string { return fmt.Sprintf("note %s: %s", a.Guest, a.Text) }

// size prints bytes without rounding: a trace that hides a block is of no use.
func size(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d B", n)
}
