package broker

import "github.com/silo-os/silo/hvcall"

// GuestID names a guest; it is unique on its host.
type GuestID string

// Event is something that happened: one of the types of this file.
type Event interface {
	About() GuestID // "" = the host
}

// GuestAdded says that a guest is to be started. It is answered by [Admit], at once or when the
// host has room for its boot memory, or by [Refuse].
type GuestAdded struct {
	Guest  GuestID
	Bounds Bounds
}

// Connected says that a guest said Hello, for the first time or again after a gap. It is answered
// by a [SendGrant] that repeats what the guest may hold.
type Connected struct{ Guest GuestID }

// Demanded says that a guest stated a demand.
type Demanded struct {
	Guest  GuestID
	Demand hvcall.Demand
}

// Applied says that a guest has applied a grant in full.
type Applied struct {
	Guest  GuestID
	Serial uint64
}

// Plugged is the result of a [Resize]: what the guest's device holds now, in bytes, boot memory included.
type Plugged struct {
	Guest GuestID
	Op    uint64 // of the Resize
	Total int64
}

// Plugging says how far a [Resize] has come that is still under way, measured after the device was
// told. What is plugged by then can be used while the rest is on its way.
type Plugging struct {
	Guest GuestID
	Op    uint64 // of the Resize
	Total int64
}

// ResizeFailed says that a [Resize] failed and nobody knows how far it came.
type ResizeFailed struct {
	Guest GuestID
	Op    uint64
	Err   string
}

// GuestGone says that a guest has ended and that the host has all it held.
type GuestGone struct{ Guest GuestID }

// BoundsChanged asks for other bounds for a guest that is here. Boot does not change: it is what the machine was
// started with. It is answered by [BoundsSet] or [BoundsDenied]. A maximum below what the guest holds is
// reached as it shrinks; a minimum above is plugged as there is room.
type BoundsChanged struct {
	Guest  GuestID
	Bounds Bounds
}

// Used says how much of its memory a guest uses. It is stated about once a second.
type Used struct {
	Guest    GuestID
	Idle     int64 // bytes that nobody uses, as the guest says
	Resident int64 // bytes of its memory that exist on the host, as the host measures; negative = not known
}

// PeerSeen says what another host has to spare, about every 10 s. It is forgotten after half a minute, or when it
// says that it has nothing.
type PeerSeen struct {
	Peer string
	Free Room
}

// CapacityChanged says that the host has more or less to give than before.
type CapacityChanged struct{ Capacity Capacity }

// About is the guest that it happened to.
func (e GuestAdded) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Connected) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Demanded) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Applied) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Plugged) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Plugging) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e ResizeFailed) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e GuestGone) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e BoundsChanged) About() GuestID { return e.Guest }

// About is the guest that it happened to.
func (e Used) About() GuestID { return e.Guest }

// About is empty: it happened to the host.
func (e CapacityChanged) About() GuestID { return "" }

// About is empty: it happened to another host.
func (e PeerSeen) About() GuestID { return "" }
