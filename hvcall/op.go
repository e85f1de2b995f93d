package hvcall

import "strconv"

// Op names an operation. Numbers are explicit and never used again for something else.
type Op uint16

// The operations. PROTOCOL.md says for each who sends it, with which payload and what comes back.
const (
	OpHello     Op = 1  // guest → host, call: who I am; answered with Welcome
	OpReady     Op = 2  // guest → host, statement: the application serves
	OpDemand    Op = 3  // guest → host, statement: what I want to hold
	OpGrant     Op = 4  // host → guest, statement: what you may hold
	OpUsage     Op = 5  // guest → host, statement: what I use, and which grant is applied
	OpLog       Op = 6  // guest → host, statement: a piece of the application's output
	OpExit      Op = 7  // guest → host, call: how the application ended
	OpShutdown  Op = 8  // host → guest, call: end within a deadline
	OpHeartbeat Op = 9  // either way, call: answered with the same bytes
	OpTime      Op = 10 // guest → host, call: answered with the host's clock
	OpSteal     Op = 11 // host → guest, statement: how much of the granted vCPU time others took
	OpMigrate   Op = 12 // host → guest, call: how far its move to another host is
	OpProfile   Op = 13 // host → guest, call: a profile of the application
	OpCore      Op = 14 // either way, call: take a core of the application, or how far one is
	OpCorePiece Op = 15 // guest → host, call: a piece of a core
)

var opNames = map[Op]string{
	OpHello: "hello", OpReady: "ready", OpDemand: "demand", OpGrant: "grant", OpUsage: "usage",
	OpLog: "log", OpExit: "exit", OpShutdown: "shutdown", OpHeartbeat: "heartbeat", OpTime: "time", OpSteal: "steal", OpMigrate: "migrate",
	OpProfile: "profile", OpCore: "core", OpCorePiece: "core piece",
}

// String is the operation's name in logs and errors.
func (o Op) String() string {
	if s, ok := opNames[o]; ok {
		return s
	}
	return "op(" + strconv.Itoa(int(o)) + ")"
}

// Flags say what role a frame plays in a call.
type Flags uint16

// A frame without flags is a statement: nothing comes back.
const (
	FlagCall  Flags = 1 << 0 // the sender waits for a reply with the same sequence number
	FlagReply Flags = 1 << 1 // this frame is such a reply
	FlagError Flags = 1 << 2 // set with FlagReply: the payload is a Fault
)

const flagsKnown = FlagCall | FlagReply | FlagError
