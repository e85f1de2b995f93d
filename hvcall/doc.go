// Package hvcall is the call interface between a silo guest and its host.
//
// A guest states what it wants to be true ([Demand]); the host states what it gives ([Grant]).
// Neither sends increments: every statement carries the whole state and a revision that only
// grows, the newest wins and repeating one is harmless. A lost connection, a restarted broker
// and a guest that was moved to another host therefore all recover in the same way: both sides
// state again.
//
// # Frames
//
// Everything travels in frames: a header of [HeaderSize] bytes, little endian, then a payload.
// Statements that are sent often (Demand, Grant, Usage) have a fixed layout; those sent once
// (Hello, Welcome, Exit) are JSON. PROTOCOL.md has one row for each operation. The layout of
// every frame is fixed by golden files in testdata.
//
// # Who talks to whom
//
// The same protocol is spoken twice. PID 1 speaks it to the host over a virtio-serial port
// ([OpenPort]); the application speaks it to PID 1 over an inherited descriptor
// ([Inherited]). PID 1 adds up and relays. Tests and programs on a laptop use [Pipe].
//
// # The peer is hostile
//
// Each length is checked against the frame limit before anything is allocated, each field
// against its range, and frames that arrive faster than [Limits] allow are read more slowly
// rather than buffered. An operation that is not known is answered with [CodeUnknown]; it
// never hangs the caller. A guest can only ever harm itself.
//
// # Life of a connection
//
//	opened ──Hello/Welcome──▶ agreed ──Serve returns──▶ closed
//
// [NewConn] opens it; the guest moves it to agreed by its Hello; a read error, a frame that
// cannot be decoded or [Conn.Close] closes it, and every waiting call returns with [ErrClosed].
//
// A guest's port outlives its host. While nobody has the other end open every call returns with [ErrAway], and then
// Config.Away is called: the connection is opened again, and Hello is due.
//
// # Lock order
//
// Conn.wmu (one frame is written at a time) and Conn.mu (table of waiting calls) are never
// held together. Handlers run without locks.
//
// # Example
//
//	guest, host := hvcall.Pipe()
//	g := hvcall.NewConn(guest, hvcall.Config{})
//	go g.Serve(ctx, nil)
//	err := g.SendDemand(hvcall.Demand{Revision: 1, Memory: 256 << 20, MilliCPU: 1000})
package hvcall
