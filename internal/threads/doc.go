// Package threads has the threads of a process use vCPUs that were just added to its cpuset.
//
// A [Process] says who runs or could, its [Crowd], which is spread over vCPUs that were added. Both are values of one moment: what
// changes in between is the kernel's to settle, at its ticks. There is no lock.
//
// # Example
//
//	p, err := threads.Open(pid)
//	crowd, err := p.Running()
//	…                          // it had one vCPU and is given another
//	err = crowd.Spread(1, 2)
package threads
