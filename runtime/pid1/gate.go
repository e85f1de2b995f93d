package pid1

// watchGate calls hit, from its own goroutine, each time a thread of the group runs into the limit. It
// ends with the process: the gate is needed until power-off.
func watchGate(m memoryGroup, hit func()) error {
	return m.watchGroup("memory.oom_control", []string{""}, hit)
}
