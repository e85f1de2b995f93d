// Package daemon is silo node: it keeps the guests of a host, over its own end and its next beginning, and serves the
// API of package nodeapi.
//
// # States of a guest
//
//	starting   stored; waits for room, or boots             to running, or, at its first start, to nothing with an error
//	running    its machine runs, under this daemon or none   to ended or backoff, when the machine has ended
//	backoff    ended, and due again                          to starting, when its time has come
//	ended      for good; its log is there                    to nothing, by Remove
//	arriving   room is reserved; it runs on another host     to running, or to nothing, when it does not come
//	moved      it runs on another host; its log is there     to nothing, by Remove, or when it comes back
//
// Its keeper moves it on, one goroutine for each guest. The restart policy (policy.go) is pure. Stop and Kill store first that
// the guest is not to be started again, then end it, and wait.
//
// # Moves
//
// At its source a departure carries out what package move decides, at its destination an arrival, each with one goroutine that
// owns the state. A move that was begun is stored until it is over. The next daemon goes on from what it finds the machine
// doing; at the destination one that does not run is let go of, because the guest is whole where it came from.
// Before a guest can be set running there, it is stored that it may run: one whose machine is gone then has run and ended. How a move
// ended is remembered when its guest is forgotten, for a source that has not heard.
//
// # Restart
//
// What is to be is stored before it is done, in an embedded database that is whole after a crash at any moment. A machine is
// described in the store before there is a process, with an id that is the process's too. So a daemon that begins finds for
// each guest either a machine to attach to, or none, in which case whatever may have been forked under that id is killed
// and the guest goes on from its state. Guests that run enter the broker's ledger, with the most they may hold, before
// anything is granted to anybody; they say Hello again, state their demands again, and go on.
//
// [Points], [MovePoints] and [ArrivalPoints] are the moments between two steps; internal/daemontest cuts the daemon off at each.
//
// While guests run the host's capacity is what it was: what they hold is not available, and yet theirs.
//
// # Volumes
//
// They are in the state folder, in volumes, and are nobody's: a guest that is removed leaves them. Who holds one is known by the
// lock that its QEMU has, so a daemon that begins has nothing to find out. Folders of the host are for daemons whose machines run as
// the daemon's own user.
//
// # What a guest can do to its host
//
// As root, each machine runs as a user of its own with no name and no rights, in QEMU's seccomp sandbox, in a memory
// cgroup (package memlimit) whose maximum follows the ledger, and with its processors in others (package cpushare).
// The state folder is 0700, every file and socket in it 0600. Two log files of 8 MiB are kept for each guest, which may
// write 4 MiB a second to them, and of its console and QEMU's words 4 MiB; calls are limited by package hvcall, requests by the handler.
//
// # Locks
//
// Daemon.mu guards the set of guests, keeper.mu one guest, keeper.setting is held while bounds are changed, guestLog.mu one
// log; departure.mu and arrival.mu guard what is shown of a move. Order: setting, keeper.mu, then either of the others. keeper.mu is held while the store is written, so that what is
// shown is what is stored.
//
// # Example
//
//	d, err := daemon.Open(ctx, daemon.Config{Dir: "/var/lib/silo"})
//	if err != nil {
//		return err
//	}
//	defer d.Leave() // guests run on
//	l, err := daemon.ListenUnix("/run/silo/node.sock")
//	if err != nil {
//		return err
//	}
//	return d.Serve(ctx, l)
package daemon
