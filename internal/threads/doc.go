// Package threads has the threads of a process use vCPUs that were just added to its cpuset.
//
// It keeps no state and has no lock: each call reads what runs, decides, and moves.
//
// # Example
//
//	crowd, err := threads.Running(pid)
//	…                       // it had one vCPU and is given another
//	err = crowd.Spread(1, 2)
package threads
