// Package qmp speaks the QEMU Machine Protocol: JSON lines over one connection.
//
// A [Client] is made from a connection that somebody else opened, typically one end of a
// socket pair whose other end QEMU inherited, so no path exists on disk. Commands may be
// executed from many goroutines at once; each carries an id, and its answer finds it in
// whatever order answers come. A command ends with its context; the connection goes on.
//
// # States
//
// A client is negotiating until NewClient returns, then open, then failed for good. What
// moves it to failed: Close, the end of the connection, or bytes that are no QMP (a line
// that is too long, not JSON, or of no known kind). There is no way back and no guessing:
// a lost answer would otherwise leave its command waiting until the deadline. When the
// client fails every command in flight returns the cause, the event channel is closed
// behind the last event, and the connection is closed.
//
// # Events
//
// The reader never waits for whoever reads [Client.Events]. The channel holds a bounded
// number of events; when it is full the oldest is dropped and counted, because the newest
// tell how things stand. The last events before the end stay readable after it.
//
// # Goroutines and locks
//
// One goroutine reads, one writes; both end when the client fails. The mutex guards the
// table of commands in flight and the cause of failure, and is never held during I/O.
//
// # Why not a library
//
// The maintained client (digitalocean/go-qemu) can only dial a path on disk, and its Run
// has no deadline for one command; both are needed here.
//
//	client, err := qmp.NewClient(ctx, conn, qmp.Config{})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	var status struct{ Running bool }
//	err = client.Execute(ctx, "query-status", nil, &status)
package qmp
