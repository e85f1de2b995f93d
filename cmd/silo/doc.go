// Command silo builds images that run one Go application in a virtual machine, and runs them.
//
//	silo build PKG|IMAGE -o OUT      make an image: a folder, or --format oci or disk
//	silo run PKG|IMAGE [-- ARGS]     run one; its memory and vCPUs follow what it needs
//	silo push PKG|IMAGE oci://REF    store one in a registry
//	silo pull oci://REF -o DIR       bring it back into a folder
//	silo volume ls|rm                what outlives guests: run -v NAME:/PATH makes it
//	silo version
//
//	silo node [install]              keep guests on this machine
//	silo run -d PKG|IMAGE [-- ARGS]    leave one to the node
//	silo ps, logs, inspect, set, stop, kill, rm, dump
//	silo stack, pprof                what a guest's program does
//
// PKG is a main package of the module at hand, one of any module with a version (path@v1.2.3, path@latest), or a
// static Linux executable; IMAGE is what silo build or silo push wrote: a folder, an OCI layout, or oci://REF.
//
// silo.yaml in the package's folder, or the file that -f names, says how an application is run; docs/MANIFEST.md describes it.
//
// # Exit codes of silo run
//
// The application's own, 128 + the number of the signal that ended it, and silo's:
//
//	121   the guest answered its host nothing for longer than --answer-within
//	122   the machine ended from outside, or powered off without saying how the application ended
//	123   the guest's kernel panicked
//	124   the guest never said Hello
//	125   silo itself could not do it: bad arguments, no image, no room, no QEMU
//	126   the guest could not start the application
//	130   interrupted (Ctrl-C) while it was built or started, or killed by a second Ctrl-C; 143 for SIGTERM
//	137   killed by the host because it did not shut down in time; also an application killed by signal 9
//
// # Signals
//
// The first Ctrl-C or SIGTERM asks the application to end and gives it --shutdown-within; the second one
// kills the guest. However silo ends, kill -9 included, its guest ends with it and no file is left. With a node the
// guest is the node's: silo run uses one that answers, unless it is told --alone, and then only kill -9 makes a
// difference: the guest runs on.
package main
