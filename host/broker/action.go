package broker

import (
	"fmt"

	"github.com/silo-os/silo/hvcall"
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

// SendGrant sends a grant to a guest. The newest is enough: one that was not sent yet may be dropped.
type SendGrant struct {
	Guest GuestID
	Grant hvcall.Grant
}

// Alarm says that a guest's device holds something else than the guest was granted, and has for a while: a
// page is pinned where it should leave, or the guest plugs what it should not. It is said once each time.
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
func (a SendGrant) About() GuestID { return a.Guest }

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
func (a SendGrant) String() string {
	g := a.Grant
	s := fmt.Sprintf("grant %s #%d for demand %d: %s, %d mCPU", a.Guest, g.Serial, g.Revision, size(int64(g.Memory)), g.MilliCPU)
	if g.Limit != hvcall.LimitNone {
		s += ", limit " + g.Limit.String()
	}
	if g.Price != 0 {
		s += fmt.Sprintf(", price %d", g.Price)
	}
	if g.Within != 0 {
		s += fmt.Sprintf(", within %d ms", g.Within)
	}
	return s
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
