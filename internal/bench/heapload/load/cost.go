package load

import "syscall"

// Cost is what the kernel counted of the program while it was busy: where the time of its operations went.
type Cost struct {
	Faults int64   `json:"faults"` // of pages
	User   float64 `json:"user_s"` // vCPU seconds, like System
	System float64 `json:"system_s"`
}

// costNow is the cost until now, busy or not.
func costNow() Cost {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it fails only for what is no pointer
	return Cost{Faults: u.Minflt + u.Majflt, User: seconds(u.Utime), System: seconds(u.Stime)}
}

func seconds(t syscall.Timeval) float64 { return float64(t.Nano()) / 1e9 }

// grow adds what was counted since before.
func (c *Cost) grow(before Cost) {
	now := costNow()
	c.Faults, c.User, c.System = c.Faults+now.Faults-before.Faults, c.User+now.User-before.User, c.System+now.System-before.System
}
