// Package alarm wakes what looks about it now and then in a guest that sleeps, at the least cost to the host.
//
// Each time that an idle vCPU wakes costs the host an interrupt and several switches, so what counts in an idle guest is how often it does.
// A timer of Go's costs about four of them: the Go scheduler sleeps in whole milliseconds, rounded down, and then for the
// rest, and its monitor thread wakes with each timer and looks once more 20 µs later. A timer of the kernel's that is read
// through the poller costs one, and the monitor sleeps on while nothing enters a system call in the usual way.
//
// It is for pauses only: a busy program asks the poller no more than each 10 ms, but its own timers between any two goroutines.
//
//	a := alarm.In(true, log)
//	defer a.Close()
//	for {
//		select {
//		case <-timer.C:
//		case <-a.C():
//		}
//		a.Arm(timer, look())
//	}
//
// [Work] is the other way round: it rings when the program has used some processor time, so that who looks whether it works need hardly
// look. The kernel counts that at its ticks, which a busy processor has and one at rest has not.
//
// # Goroutines
//
// One each, which ends with Close, waits for the kernel; that of a Work ends when the program has worked once more. All methods are for one
// other goroutine.
package alarm
