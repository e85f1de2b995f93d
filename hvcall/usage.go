package hvcall

const usageSize = 96

// Usage is what a guest holds and does, stated about once a second and after each change that
// somebody waits for. Counters only grow. The host believes none of it where money or safety
// is concerned; it is for people, traces and a better guess.
type Usage struct {
	Applied     uint64 // serial of the newest grant that is fully applied
	Total       uint64 // bytes of memory the guest's kernel has, boot memory included
	Free        uint64 // bytes nobody uses
	Application uint64 // bytes charged to the application
	Live        uint64 // bytes found live by the last collection; 0 = not known
	Stalls      uint64 // times a thread waited at the memory gate
	StallNanos  uint64 // how long, in nanoseconds, all together
	Kills       uint64 // processes the kernel killed for want of memory
	Cycles      uint64 // garbage collections
	CPUNanos    uint64 // vCPU time the application used, in nanoseconds
	MilliCPU    uint32 // thousandths of a vCPU the application may use now
	Online      uint32 // vCPUs online
	Runnable    uint32 // goroutines or threads that wait for a vCPU
	GoMaxProcs  uint32 // the application's GOMAXPROCS; 0 = not known
}

// AppendTo appends the wire form.
func (u Usage) AppendTo(b []byte) []byte {
	b = appendU64(b, u.Applied, u.Total, u.Free, u.Application, u.Live, u.Stalls, u.StallNanos, u.Kills, u.Cycles, u.CPUNanos)
	return appendU32(b, u.MilliCPU, u.Online, u.Runnable, u.GoMaxProcs)
}

// DecodeUsage reads and checks a Usage. It returns a *[FrameError] on any bad field.
func DecodeUsage(b []byte) (Usage, error) {
	r := reader{op: OpUsage, b: b}
	r.size(usageSize)
	u := Usage{
		Applied: r.u64(), Total: r.u64max("total", MaxMemory), Free: r.u64max("free", MaxMemory),
		Application: r.u64max("application", MaxMemory), Live: r.u64max("live", MaxMemory),
		Stalls: r.u64(), StallNanos: r.u64(), Kills: r.u64(), Cycles: r.u64(), CPUNanos: r.u64(),
		MilliCPU: r.u32max("milli cpu", maxMilliCPU), Online: r.u32max("online", maxMilliCPU),
		Runnable: r.u32(), GoMaxProcs: r.u32max("gomaxprocs", maxMilliCPU),
	}
	return u, r.err
}
